"""Compare two leaves: tensors, and values that are not tensors.

The base of `walk`, which compares containers. Knows no format and no check, and does not judge.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ..backends import get_backend
from ..backends.base import Reading
from ..backends.memory import Memory
from ..verdicts import Difference
from . import casts, elements
from .aliasing import SEPARATE_MEMORY, changes
from .diagnosis import likely_cause, shape_cause
from .ignored import CORE_ASPECTS, Ignored
from .keys import Partners, by_identity
from .leaves import same_content, same_number, same_payload
from .objects import Attribute, contents, shown, type_name
from .paths import Path, path_text
from .tensors import is_leaf, read_any

#: Aspects that do not count for the parts of a tensor, such as the indices of a sparse one.
_IGNORED_OF_PARTS = frozenset({"strides", "alias"})


@dataclasses.dataclass(slots=True)
class Pair:
    """Two nodes at one path.

    ``leaf`` is the dtype of the tensor that they are parts of, or empty. ``part`` is the first step
    of the path.
    """

    path: Path
    actual: Any
    expected: Any
    leaf: str = ""
    part: str = ""

    def below(self, step: str, actual: Any, expected: Any, leaf: str = "") -> Pair:
        return Pair((self.path, step), actual, expected, leaf or self.leaf, self.part or step)


class Leaves:
    """The differences of the leaves compared so far, and the memory of each pair of tensors."""

    def __init__(self, ignored: Ignored) -> None:
        self.ignored = ignored
        self.found: list[Difference] = []
        #: Pairs of containers by identity. The values keep them alive, so that no identity is
        #: reused.
        self.visited: dict[tuple[int, int], Pair] = {}
        #: Each pair of tensors, with their memory, and the model that both belong to.
        self.memories: list[tuple[Pair, Memory, Memory, int]] = []
        self.partners = Partners()
        #: The number of expected leaves in each part of the tree.
        self.sizes: dict[str, int] = {}

    def add(self, pair: Pair, aspect: str, expected: str, actual: str, **more: Any) -> None:
        if pair.leaf:
            if aspect in _IGNORED_OF_PARTS:
                return
            more["leaf"] = pair.leaf
        if more.get("lost") or not (aspect in self.ignored.aspects or (aspect not in CORE_ASPECTS and not self.ignored.extended)):
            self.found.append(Difference(path_text(pair.path), aspect, expected, actual, part=pair.part, **more))

    def ignores(self, aspect: str) -> bool:
        """Return whether an aspect is left out on request, so that values are compared after a cast."""
        return aspect in self.ignored.aspects

    def count(self, pair: Pair) -> None:
        """Count a leaf of the tree; the parts of a tensor are no leaves."""
        if not pair.leaf:
            self.sizes[pair.part] = self.sizes.get(pair.part, 0) + 1

    def remember(self, pair: Pair, actual: Reading, expected: Reading, model: int = 0) -> None:
        if actual.memory is not None and expected.memory is not None:
            self.memories.append((pair, actual.memory, expected.memory, model))

    def plain(self, pair: Pair) -> None:
        """Compare leaves that are not tensors: first their type, then their content."""
        actual, expected = pair.actual, pair.expected
        if actual is expected:
            return
        scalars = isinstance(actual, np.generic) and isinstance(expected, np.generic)
        if type(actual) is not type(expected) and not (scalars and actual.dtype == expected.dtype):
            lost = not same_number(actual, expected)
            if lost and self.ignores("container"):
                if casts.same_value(actual, expected):
                    return
                theirs = casts.array_of(actual)
                if theirs is not None and theirs.size == 1 and self.cast_values(pair, theirs, casts.array_of(expected)):
                    return
            self.add(pair, "container", type_and_value(expected), type_and_value(actual), lost=lost, leaf=type_name(expected))
        elif scalars:
            numpy = get_backend("numpy")
            for _ in self.values(pair, numpy.read(actual), numpy.read(expected)):
                raise AssertionError("a scalar has no children")
        elif not same_content(actual, expected):
            self.add(pair, "values", shown(expected), shown(actual), count=1, total=1, leaf=type_name(expected))
        elif not same_payload(actual, expected):
            self.add(pair, "nan-payload", _payload(expected), _payload(actual), count=1, total=1, leaf=type_name(expected))

    def tensors(self, pair: Pair, expected: Reading) -> Iterator[Pair]:
        actual = read_any(pair.actual)
        if actual is None:
            if not (self.ignores("kind") and self.cast_values(pair, casts.array_of(pair.actual), casts.array_of(pair.expected))):
                self.add(pair, "kind", expected.kind, type_and_value(pair.actual), lost=True, leaf=expected.dtype)
            return
        if not pair.leaf and not isinstance(pair.actual, np.generic):
            self.partners.add(pair.expected, pair.actual, pair.path)
            self.remember(pair, actual, expected)
        if actual.kind != expected.kind:
            self.add(pair, "kind", expected.kind, actual.kind, leaf=expected.dtype)
        for flag in sorted({*expected.flags, *actual.flags}):
            ours, theirs = expected.flags.get(flag), actual.flags.get(flag)
            if ours != theirs:
                self.add(pair, "flags", _flag(flag, ours), _flag(flag, theirs), leaf=expected.dtype)
        self.strides(pair, actual, expected)
        yield from self.values(pair, actual, expected)

    def strides(self, pair: Pair, actual: Reading, expected: Reading) -> None:
        """Compare the order in memory, only where the expected tensor is dense: no format is
        required to preserve gaps.
        """
        if expected.strides is None or actual.strides is None or actual.shape != expected.shape or 0 in expected.shape:
            return
        if elements.dense_order(expected.shape, expected.strides) is None:
            return
        axes = [axis for axis, length in enumerate(expected.shape) if length > 1]
        if [expected.strides[axis] for axis in axes] != [actual.strides[axis] for axis in axes]:
            self.add(pair, "strides", str(expected.strides), str(actual.strides), leaf=expected.dtype)

    def values(self, pair: Pair, actual: Reading, expected: Reading) -> Iterator[Pair]:
        """Compare shape and dtype, then the elements.

        Yield the pairs of parts, and of objects in arrays.
        """
        leaf = expected.dtype
        differ = [aspect for aspect in ("shape", "dtype") if getattr(actual, aspect) != getattr(expected, aspect)]
        if (expected.parts is None) != (actual.parts is None) and self.ignores("kind"):
            differ.append("kind")
        for aspect in differ:
            if not self.ignores(aspect):
                cause = shape_cause(actual.shape, expected.shape) if aspect == "shape" else ""
                self.add(pair, aspect, str(getattr(expected, aspect)), str(getattr(actual, aspect)), leaf=leaf, cause=cause)
        if differ and not all(map(self.ignores, differ)):
            return
        if expected.parts is not None and actual.parts is not None and "shape" not in differ:
            yield from self.parts(pair, actual, expected)
        elif differ:
            if not self.cast_values(pair, casts.array_of(pair.actual), casts.array_of(pair.expected)):
                ours, theirs = (f"{each.kind} of dtype {each.dtype} and shape {each.shape}" for each in (expected, actual))
                self.add(pair, differ[-1], ours, theirs, lost=True, leaf=leaf)
        elif expected.parts is not None or actual.parts is not None:
            yield from self.parts(pair, actual, expected)
        elif expected.objects is not None or actual.objects is not None:
            yield from self.objects(pair, actual, expected)
        elif expected.words is not None and actual.words is not None:
            self.elements(pair, actual, expected)
        elif expected.words is not actual.words:
            states = "no elements, as on a meta device", "elements"
            self.add(pair, "values", *(states if expected.words is None else reversed(states)), leaf=leaf)

    def cast_values(self, pair: Pair, actual: Any, expected: Any) -> bool:
        """Compare two arrays of different dtypes or shapes. Return False if no cast keeps the
        values.
        """
        if actual is None or expected is None:
            return False
        if actual.shape != expected.shape:
            if actual.size != expected.size or not self.ignores("shape"):
                self.add(pair, "shape", str(expected.shape), str(actual.shape), lost=True, leaf=str(expected.dtype))
                return True
            actual = actual.reshape(expected.shape)
        wrong = casts.differing(actual, expected)
        if wrong is None:
            return False
        if wrong.any():
            lines = [
                f"[{', '.join(map(str, at))}] expected {casts.text_of(expected[at])}, got {casts.text_of(actual[at])}"
                for at in (tuple(map(int, at)) for at in np.argwhere(wrong)[: elements.SHOWN])
            ]
            more = {"count": int(wrong.sum()), "total": wrong.size, "cause": casts.rounding(actual, expected)}
            self.add(pair, "values", "", "", elements=tuple(lines), leaf=str(expected.dtype), **more)
        return True

    def parts(self, pair: Pair, actual: Reading, expected: Reading) -> Iterator[Pair]:
        ours, theirs = expected.parts or {}, actual.parts or {}
        for part in ours:
            below = pair.below(f".{part}", theirs.get(part), ours[part], expected.dtype)
            if part in theirs:
                yield below
            else:
                self.add(below, "values", "", f"this part of the tensor is missing (found: {keys_text(theirs)})", lost=True)

    def objects(self, pair: Pair, actual: Reading, expected: Reading) -> Iterator[Pair]:
        """Compare arrays of objects.

        All different texts give one difference; other objects are nodes of the tree.
        """
        lines: list[str] = []
        count = 0
        key = (id(pair.actual), id(pair.expected))
        if key in self.visited:
            return
        self.visited[key] = pair
        for at in np.ndindex(*expected.shape):
            ours, theirs = expected.objects[at], actual.objects[at]
            place = f"[{', '.join(map(str, at))}]"
            if not isinstance(ours, str | bytes):
                yield pair.below(place, theirs, ours)
            elif type(ours) is not type(theirs) or ours != theirs:
                count += 1
                if len(lines) < elements.SHOWN:
                    lines.append(f"{place} expected {shown(ours)}, got {shown(theirs)}")
        if count:
            total = expected.objects.size
            self.add(pair, "values", "", "", count=count, total=total, elements=tuple(lines), leaf=expected.dtype)

    def elements(self, pair: Pair, actual: Reading, expected: Reading) -> None:
        if elements.equal(expected.words, actual.words, elements.element_row(expected.dtype)):
            return
        found = elements.mismatches(actual.words, expected.words, expected.dtype, expected.shape)
        total = int(np.prod(expected.shape, dtype=np.int64))
        cause = likely_cause(actual.words, expected.words, expected.dtype)
        for aspect in ("values", "nan-payload"):
            if found.counts[aspect]:
                more = {"count": found.counts[aspect], "total": total, "leaf": expected.dtype}
                more["cause"] = cause if aspect == "values" else ""
                self.add(pair, aspect, "", "", elements=tuple(found.first[aspect]), **more)

    def sharing(self) -> None:
        """Compare which tensors share memory. Those of one model were compared with the model."""
        actual, expected = [ours for _, ours, _, _ in self.memories], [theirs for _, _, theirs, _ in self.memories]
        for index, other, was in changes(actual, expected):
            pair, _, _, model = self.memories[index]
            if not model or model != self.memories[other][3]:
                states = f"memory shared with {path_text(self.memories[other][0].path) or 'the root'}", SEPARATE_MEMORY
                self.add(pair, "alias", *(states if was else reversed(states)))


def _flag(name: str, value: Any) -> str:
    return f"no {name}" if value is None else f"{name}={value}"


def type_and_value(value: Any) -> str:
    """Return the type of a container or object, and the type and value of a leaf."""
    held = None if is_leaf(value) else contents(value)
    return type_name(value) if held is not None else f"{type_name(value)} {shown(value)}"


def keys_text(keys: Iterable[Any]) -> str:
    listed = [key.name if isinstance(key, Attribute) else key for key in keys]
    if any(map(by_identity, listed)):  # their repr may be long, or contain an address
        return f"{len(listed)} keys of type {', '.join(sorted(set(map(type_name, listed))))}"
    return shown(listed, 200) if listed else "none"


def _payload(number: float | complex) -> str:
    """Return the sign and payload of a number that is NaN, as hexadecimal digits."""
    return " ".join(
        f"{struct.unpack('<Q', struct.pack('<d', part))[0]:#018x}" for part in (number.real, number.imag)[: 1 + isinstance(number, complex)]
    )
