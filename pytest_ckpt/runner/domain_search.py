"""Find the domain of a format by trying: its containers, and where it accepts only few, its dtypes, shapes and keys."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..execution.dispatch import run_example
from ..formats.base import DOMAINS, Format
from ..specs import DictSpec, Fill, ListSpec, Spec, TensorSpec
from ..specs.keys import KEYS
from ..specs.shapes import Pattern, Shape, filled, matches, nearest_shapes
from ..verdicts import Verdict
from .format_runner import Runner

#: Dtypes that most formats have. If fewer than half of them are restored, the dtypes are part of the domain.
_DTYPES = (
    "float32", "float64", "int64", "int32", "uint8", "float16", "int16", "int8", "bool", "complex64", "complex128", "uint16", "uint32",
    "uint64",
)  # fmt: skip
#: Shapes that most formats have. If one of them is not restored, the shapes are part of the domain.
_SHAPES: tuple[Shape, ...] = ((2,), (5,), (2, 3), (2, 3, 4), (2, 3, 2, 4))
#: Shapes to begin with where a format does not restore the usual ones.
_FIRST_SHAPES: tuple[Shape, ...] = (*_SHAPES, (), (3, 3), (4, 5, 3), (4, 5, 1), (4, 5, 4), (3, 4, 5), (1, 4), (4, 1), (1, 3, 4, 5))
#: Free lengths of a pattern. It is part of the domain if the shapes with all of these are restored.
_LENGTHS = ((2, 3, 4, 5, 6), (5, 7, 3, 2, 4), (12, 9, 6, 11, 8))
#: Lengths that a format may require in a dimension, such as the channels of a picture.
_FIXED = (1, 2, 3, 4)
#: Keys that most formats have. If one of them is refused, the keys are part of the domain.
_KEYS = ("a", "b", "x", "weight", "leaf1")
#: Longer keys than that are not listed.
_LONG_KEY = 20
#: How often a failure is repeated before it decides about the containers.
_TRIES = 3


def find_domain(format: Format) -> dict[str, Any]:
    """Return the domain of a format as fields of `Format`. It is found by trying.

    It has ``accepts``, and ``dtypes``, ``shapes`` and ``keys`` only if the format does not restore
    what most formats do, or declares dtypes or keys itself. A format that accepts nested dicts and
    refuses lists has the domain "dict". The result is empty for a format that saves no trees. What
    the format declares is tried too, because a shape or a key that is required cannot be guessed.
    """
    if format.save is None:
        return {}
    anything = dataclasses.replace(format, accepts="tree", dtypes=None, shapes=None, keys=None, expected_failures={})
    with Runner(anything, "all", 0) as runner:
        return _Search(runner, format).domain()


class _Search:
    """The examples that were tried on one format."""

    def __init__(self, runner: Runner, declared: Format) -> None:
        self._runner = runner
        self._declared = declared
        self._limits = declared.limits
        self._tried: dict[Spec, bool] = {}
        self._known_dtypes = runner.context.backend.dtypes()
        self._keys: Sequence[Any] = ("a", "b", "c")
        self._accepts = ""

    def domain(self) -> dict[str, Any]:
        """Return the fields of `Format` that describe the domain."""
        found = self._usual() or self._unusual()
        if found is None:
            return {"accepts": self._declared.accepts}
        self._accepts, dtype, shape = found
        fields: dict[str, Any] = {"accepts": self._accepts}
        dtypes = [each for each in self._known_dtypes if self._has(each, shape)]
        usual = [each for each in _DTYPES if each in self._known_dtypes]
        few = self._limits.dtypes and len(dtypes) < len(self._known_dtypes)
        if few or "float32" not in dtypes or 2 * len(set(dtypes) & set(usual)) < len(usual):
            fields["dtypes"] = dtypes
        if not all(self._has(dtype, each) for each in _SHAPES):
            fields["shapes"] = self._shapes(dtype)
        if self._accepts in ("dict", "tree"):
            leaf = TensorSpec(dtype, shape, fill=Fill(1))
            if self._limits.keys or not all(self._restores(DictSpec(((key, leaf),))) for key in _KEYS):
                texts = [key for case in KEYS.values() for key in case if isinstance(key, str) and len(key) < _LONG_KEY]
                keys = dict.fromkeys([*(self._limits.keys or ()), *self._keys, *_KEYS, "y", "z", "w", "bias", *texts])
                fields["keys"] = [key for key in keys if self._restores(DictSpec(((key, leaf),)))]
        return fields

    def _usual(self) -> tuple[str, str, Shape] | None:
        """Return the widest containers, and a dtype and a shape, if float32 vectors and matrices are restored."""
        first, second = TensorSpec("float32", (2,), fill=Fill(1)), TensorSpec("float32", (2, 3), fill=Fill(2))
        for accepts in reversed(DOMAINS):
            if accepts == "tree" and self._refuses(DictSpec((("a", ListSpec((first,))), ("b", second)))):
                continue
            if all(self._restores(spec, _TRIES) for spec in self._trees(accepts, first, second)):
                return accepts, "float32", first.shape
        return None

    def _unusual(self) -> tuple[str, str, Shape] | None:
        """Return the widest containers in which some tensor is restored, and its dtype and shape."""
        declared = self._limits
        if declared.keys:
            self._keys = [*declared.keys, "a", "b", "c"]
        shapes = [shape for wanted in _SHAPES for shape in nearest_shapes(declared.shapes or (), wanted)]
        dtypes = dict.fromkeys(each for each in (*(declared.dtypes or ()), *_DTYPES) if each in self._known_dtypes)
        others = [each for each in self._known_dtypes if each not in dtypes]
        wanted = [*itertools.product(dtypes, dict.fromkeys([*shapes, *_FIRST_SHAPES])), *itertools.product(others, _FIRST_SHAPES[:6])]
        for accepts in reversed(DOMAINS):
            for dtype, shape in wanted:
                first, second = (TensorSpec(dtype, shape, fill=Fill(seed)) for seed in (1, 2))
                if all(map(self._restores, self._trees(accepts, first, second))):
                    return accepts, dtype, shape
        return None

    def _trees(self, accepts: str, first: Spec, second: Spec) -> list[Spec]:
        """Return simple trees of two leaves that a format with such containers accepts."""
        one, two, three = (*self._keys, *self._keys, *self._keys)[:3]
        if accepts == "tree":
            return [DictSpec(((one, DictSpec(((two, first),))), (three if three != one else two, second)))]
        if accepts == "dict":
            return [DictSpec(((one, first), (two, second)) if two != one else ((one, first),))]
        return [ListSpec((first, second)), ListSpec((first,))] if accepts == "list" else [first, second]

    def _has(self, dtype: str, shape: Shape) -> bool:
        """Return whether two tensors of this dtype and shape are restored, in the containers of the format."""
        first, second = (TensorSpec(dtype, shape, fill=Fill(seed)) for seed in (1, 2))
        return all(map(self._restores, self._trees(self._accepts, first, second)))

    def _shapes(self, dtype: str) -> list[Pattern]:
        """Return patterns of the shapes that are restored, and the shapes that no pattern describes."""
        found: list[Pattern] = []
        for pattern in self._patterns():
            shapes = [filled(pattern, lengths) for lengths in _LENGTHS]
            if not all(any(matches(known, shape) for known in found) for shape in shapes) and all(
                self._has(dtype, each) for each in shapes
            ):
                found.append(pattern)
        ranks = [len(pattern) for pattern in found if pattern and set(pattern) == {None}]
        if ranks and ranks == list(range(ranks[0], 6)):
            found = [pattern for pattern in found if set(pattern) != {None} or not pattern]
            found.append((*[None] * ranks[0], ...))
        known = dict.fromkeys([*(self._limits.shapes or ()), *_FIRST_SHAPES])
        single = [shape for shape in known if all(type(length) is int for length in shape) and self._has(dtype, shape)]
        return found + [shape for shape in single if not any(matches(pattern, shape) for pattern in found)]

    def _patterns(self) -> Iterator[Pattern]:
        """Yield patterns of up to five dimensions, general ones before special ones, and those that the format declares."""
        yield from (pattern for pattern in self._limits.shapes or () if ... not in pattern)
        yield ()
        for rank in range(1, 6):
            yield (None,) * rank
            if rank > 1:
                yield ("n",) * rank
                yield from dict.fromkeys([(*[None] * (rank - 2), "n", "n"), ("n", "n", *[None] * (rank - 2))])
            for count in (1, 2) if rank > 2 else (1,):
                for places in itertools.combinations(range(rank), count):
                    for lengths in itertools.product(_FIXED, repeat=count):
                        fixed = dict(zip(places, lengths, strict=True))
                        yield tuple(fixed.get(place) for place in range(rank))

    def _restores(self, spec: Spec, tries: int = 1) -> bool:
        """Return whether an example is restored with its values. ``tries`` is how often a failure is repeated, as it may be a rare one."""
        if spec not in self._tried:
            self._tried[spec] = any(self._is_restored(spec) for _ in range(tries))
        return self._tried[spec]

    def _refuses(self, spec: Spec) -> bool:
        """Return whether `save` raises for an example."""
        return run_example(self._runner.context, spec, in_worker=self._runner.format.isolate).refused is not None

    def _is_restored(self, spec: Spec) -> bool:
        # A search has hundreds of examples, each of which would start a process or wait for the time limit.
        if self._runner.context.hopeless or self._runner.context.timeouts >= _TRIES:
            return False
        seen = run_example(self._runner.context, spec, in_worker=self._runner.format.isolate)
        failures: Iterable[str | None] = (seen.refused, seen.unreadable, seen.crashed, seen.skipped)
        return not any(failures) and all(difference.verdict < Verdict.CHANGED for difference in seen.differences)
