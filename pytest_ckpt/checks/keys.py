"""The family `keys`: no key of a dict is lost, renamed, merged with another or moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..specs import DictSpec, Fill, Spec, TensorSpec
from ..specs.keys import KEYS
from .base import CORE, EXTENDED, Check, FormatProfile, check

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_JUDGES = {"keys", "values"}


def _dict(keys: Iterable[Any]) -> DictSpec:
    return DictSpec(tuple((key, TensorSpec("float32", (2,), fill=Fill(seed))) for seed, key in enumerate(keys, start=1)))


def _each(case: str) -> Iterator[Spec]:
    """Each key of the case alone, then all in one dict, where they might collide."""
    for key in KEYS[case]:
        yield _dict([key])
    yield _dict(KEYS[case])


def _explore(case: str) -> Callable[[FormatProfile], SearchStrategy[Any]]:
    def explore(asking: FormatProfile) -> SearchStrategy[Any]:
        from hypothesis import strategies as st

        names = st.lists(st.sampled_from([*KEYS[case], "a", "b", "c"]), min_size=1, max_size=6, unique=True)
        return names.map(_dict)

    return explore


def _keys(case: str, level: str = CORE, judges: Iterable[str] = _JUDGES) -> Callable[[Any], Check]:
    return check(f"keys/{case}", level=level, judges=judges, explore=_explore(case))


@_keys("order", EXTENDED, {"order"})
def order(asking: FormatProfile) -> Iterator[Spec]:
    """The keys of a dict come back in their order.

    Why: keys are sorted on the way, and optimizers that go by position pair the wrong moments
    (pytorch/pytorch#84654, pytorch/pytorch#1489).
    What to do: store the order, or pair by name alone.
    """
    yield _dict(("b", "a"))
    yield _dict(KEYS["order"])


@check("keys/nested", judges=_JUDGES)
def nested(asking: FormatProfile) -> Iterator[Spec]:
    """Every leaf of dicts within dicts comes back under its own path, however deep it lies.

    Asked of formats that accept any tree.

    Why: walkers that stop at the second level drop what is below, without an error (keras-team/keras#20598,
    keras-team/keras#12907).
    What to do: walk the tree by recursion, and count leaves on both sides.
    """
    if asking.domain == "tree":
        for depth in (2, 3, 4):
            tree: Spec = _dict(("w", "b"))
            for level in range(depth - 1):
                tree = DictSpec((("a", tree), (f"c{level}", TensorSpec("float32", (3,), fill=Fill(9 + level)))))
            yield tree


@_keys("unicode")
def unicode(asking: FormatProfile) -> Iterator[Spec]:
    """Keys beyond ASCII come back character by character.

    Why: normalisation merges keys that look alike, and archives fall back to cp437.
    What to do: store UTF-8, and do not normalise.
    """
    return _each("unicode")


@_keys("dot")
def dot(asking: FormatProfile) -> Iterator[Spec]:
    """Keys with dots come back as they were.

    Why: parameter names are dotted, and writers split or replace the dots (pytorch/tensordict#29).
    What to do: escape the separator.
    """
    return _each("dot")


@_keys("slash")
def slash(asking: FormatProfile) -> Iterator[Spec]:
    """Keys with slashes come back as they were.

    Why: archives and HDF5 take a slash for a folder.
    What to do: escape the separator.
    """
    return _each("slash")


@_keys("nul")
def nul(asking: FormatProfile) -> Iterator[Spec]:
    """A key with a NUL character comes back whole, or is refused.

    Why: C strings and zip archives end there, and the key loses its tail.
    What to do: refuse it at save.
    """
    return _each("nul")


@_keys("prefix")
def prefix(asking: FormatProfile) -> Iterator[Spec]:
    """A key that joins the path of another leaf does not collide with it.

    Why: "a.b" beside a → b end in one flat name, and one value overwrites the other (pytorch/tensordict#29).
    What to do: escape the separator, or store paths as lists.
    """
    yield _dict(KEYS["prefix"])
    if asking.domain == "tree":
        for name in ("a.b", "a/b", "a_b"):
            yield DictSpec(
                ((name, TensorSpec("float32", (2,), fill=Fill(1))), ("a", DictSpec((("b", TensorSpec("float32", (2,), fill=Fill(2))),))))
            )


@_keys("int")
def int_(asking: FormatProfile) -> Iterator[Spec]:
    """Keys that are ints stay ints, apart from the same digits as text.

    Why: JSON and checkpoints of trees turn them into text (google/orbax#2561, google/flax#4308, google/flax#5438).
    What to do: store the key's type, or refuse ints.
    """
    yield from _each("int")
    yield _dict([0, "a"])  # no two of them collide, and they cannot be sorted


@_keys("digit-string")
def digit_string(asking: FormatProfile) -> Iterator[Spec]:
    """Keys made of digits stay text.

    Why: loaders that guess turn them into ints or into list places (google/flax#5030).
    What to do: store the key's type; do not guess.
    """
    return _each("digit-string")


@_keys("empty")
def empty(asking: FormatProfile) -> Iterator[Spec]:
    """The empty key comes back.

    Why: it reads as "no name", and the entry is skipped.
    What to do: refuse it at save if there is no way to write it.
    """
    return _each("empty")


@_keys("long")
def long(asking: FormatProfile) -> Iterator[Spec]:
    """Keys of a thousand characters come back whole.

    Why: names are cut at a limit of the file system or of a header, and two become one.
    What to do: refuse what does not fit.
    """
    return _each("long")


@_keys("dunder")
def dunder(asking: FormatProfile) -> Iterator[Spec]:
    """Keys that look like Python's own names come back.

    Why: loaders set attributes, or skip names that begin with underscores (keras-team/keras#20260).
    What to do: keep names out of namespaces.
    """
    return _each("dunder")


@_keys("api-names")
def api_names(asking: FormatProfile) -> Iterator[Spec]:
    """Keys that are names of the format's own parameters or entries come back.

    Why: `savez(**tree)` shares a namespace with its arguments, and a reserved entry is taken for the header
    (numpy/numpy#5243, numpy/numpy#23365, numpy/numpy#13983, safetensors/safetensors#849).
    What to do: pass names as data, and refuse reserved ones.
    """
    return _each("api-names")


@_keys("dots")
def dots(asking: FormatProfile) -> Iterator[Spec]:
    """Keys that are steps of a path, such as "..", come back as keys, or are refused.

    Why: they leave the folder, or meet another entry there.
    What to do: never build a file name from a key without quoting it.
    """
    return _each("dots")


@_keys("case")
def case(asking: FormatProfile) -> Iterator[Spec]:
    """Keys that differ in case alone stay apart.

    Why: file systems and databases fold case.
    What to do: do not use keys as file names.
    """
    return _each("case")
