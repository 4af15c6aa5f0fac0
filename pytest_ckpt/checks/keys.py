"""The family `keys`: no key of a dict is lost, renamed, merged with another key, or moved."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..specs import DictSpec, Fill, Spec, TensorSpec
from ..specs.keys import KEYS
from .base import CORE, EXTENDED, Check, check
from .profile import FormatProfile

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_JUDGES = {"keys", "values"}


def _dict(keys: Iterable[Any]) -> DictSpec:
    return DictSpec(tuple((key, TensorSpec("float32", (2,), fill=Fill(seed))) for seed, key in enumerate(keys, start=1)))


def _each(case: str) -> Iterator[Spec]:
    """Yield a dict for each key of the case, then one with all keys, where two keys may be merged."""
    for key in KEYS[case]:
        yield _dict([key])
    yield _dict(KEYS[case])


def _explore(case: str) -> Callable[[FormatProfile], SearchStrategy[Any]]:
    def explore(profile: FormatProfile) -> SearchStrategy[Any]:
        from hypothesis import strategies as st

        names = st.lists(st.sampled_from([*KEYS[case], "a", "b", "c"]), min_size=1, max_size=6, unique=True)
        return names.map(_dict)

    return explore


def _keys(case: str, level: str = CORE, judges: Iterable[str] = _JUDGES) -> Callable[[Any], Check]:
    return check(f"keys/{case}", level=level, judges=judges, explore=_explore(case))


@_keys("order", EXTENDED, {"order"})
def order(profile: FormatProfile) -> Iterator[Spec]:
    """The keys of a dict are restored in the order in which they were inserted.

    Why: keys are sorted, and an optimizer that finds its state by position then uses the state of
    another parameter (pytorch/pytorch#84654, pytorch/pytorch#1489).
    What to do: store the order, or find everything by name.
    """
    yield _dict(("b", "a"))
    yield _dict(KEYS["order"])


@check("keys/nested", judges=_JUDGES)
def nested(profile: FormatProfile) -> Iterator[Spec]:
    """Every leaf of nested dicts is restored under its path, at any depth.

    Only formats that accept any tree are checked.

    Why: code that goes through two levels only drops everything below, without an error
    (keras-team/keras#20598, keras-team/keras#12907).
    What to do: go through the tree recursively, and compare the numbers of leaves.
    """
    if profile.domain == "tree":
        for depth in (2, 3, 4):
            tree: Spec = _dict(("w", "b"))
            for level in range(depth - 1):
                tree = DictSpec((("a", tree), (f"c{level}", TensorSpec("float32", (3,), fill=Fill(9 + level)))))
            yield tree


@_keys("unicode")
def unicode(profile: FormatProfile) -> Iterator[Spec]:
    """Keys with characters outside ASCII are restored, character by character.

    Why: Unicode normalization merges keys that look alike, and zip archives fall back to cp437.
    What to do: store UTF-8, and do not normalize.
    """
    return _each("unicode")


@_keys("dot")
def dot(profile: FormatProfile) -> Iterator[Spec]:
    """Keys with dots are restored unchanged.

    Why: names of parameters contain dots, and writers split or replace them (pytorch/tensordict#29).
    What to do: escape the separator.
    """
    return _each("dot")


@_keys("slash")
def slash(profile: FormatProfile) -> Iterator[Spec]:
    """Keys with slashes are restored unchanged.

    Why: archives and HDF5 treat a slash as the separator of folders.
    What to do: escape the separator.
    """
    return _each("slash")


@_keys("nul")
def nul(profile: FormatProfile) -> Iterator[Spec]:
    """A key with a NUL character is restored unchanged.

    Why: C strings and the names in zip archives end at a NUL, so the rest of the key is lost.
    What to do: raise in `save` if the format cannot store such a key.
    """
    return _each("nul")


@_keys("prefix")
def prefix(profile: FormatProfile) -> Iterator[Spec]:
    """A key that equals the joined path of another leaf does not overwrite that leaf.

    Why: the key "a.b" and the path a → b get the same flat name, and one value replaces the other
    (pytorch/tensordict#29).
    What to do: escape the separator, or store paths as lists.
    """
    yield _dict(KEYS["prefix"])
    if profile.domain == "tree":
        for name in ("a.b", "a/b", "a_b"):
            yield DictSpec(
                ((name, TensorSpec("float32", (2,), fill=Fill(1))), ("a", DictSpec((("b", TensorSpec("float32", (2,), fill=Fill(2))),))))
            )


@_keys("int")
def int_(profile: FormatProfile) -> Iterator[Spec]:
    """Integer keys are restored as integers, and differ from the same digits as text.

    Why: JSON and checkpoints of trees convert them to text (google/orbax#2561, google/flax#4308,
    google/flax#5438).
    What to do: store the type of each key, or raise in `save` for integer keys.
    """
    yield from _each("int")
    yield _dict([0, "a"])  # not merged with each other, but impossible to sort


@_keys("digit-string")
def digit_string(profile: FormatProfile) -> Iterator[Spec]:
    """Keys of digits are restored as text.

    Why: loaders that guess convert them to integers or to positions in a list (google/flax#5030).
    What to do: store the type of each key; do not guess.
    """
    return _each("digit-string")


@_keys("empty")
def empty(profile: FormatProfile) -> Iterator[Spec]:
    """The empty key is restored.

    Why: it is taken for "no name", and the entry is skipped.
    What to do: raise in `save` if the format cannot store it.
    """
    return _each("empty")


@_keys("long")
def long(profile: FormatProfile) -> Iterator[Spec]:
    """Keys of a thousand characters are restored completely.

    Why: names are truncated to a limit of the file system or of a header, and two become the same.
    What to do: raise in `save` for a key that is too long.
    """
    return _each("long")


@_keys("dunder")
def dunder(profile: FormatProfile) -> Iterator[Spec]:
    """Keys that look like special names of Python, such as "__class__", are restored.

    Why: loaders set attributes, or skip names that begin with underscores (keras-team/keras#20260).
    What to do: do not use keys as names of attributes.
    """
    return _each("dunder")


@_keys("api-names")
def api_names(profile: FormatProfile) -> Iterator[Spec]:
    """Keys that equal names of parameters or entries of the format are restored.

    Why: `savez(**tree)` mixes keys with the names of arguments, and a reserved entry is taken for
    the header (numpy/numpy#5243, numpy/numpy#23365, numpy/numpy#13983, safetensors/safetensors#849).
    What to do: pass keys as data, and raise in `save` for reserved ones.
    """
    return _each("api-names")


@_keys("dots")
def dots(profile: FormatProfile) -> Iterator[Spec]:
    """Keys that are parts of a path, such as "..", are restored.

    Why: as file names, they lead out of the folder, or to another entry.
    What to do: quote a key before it becomes part of a file name.
    """
    return _each("dots")


@_keys("case")
def case(profile: FormatProfile) -> Iterator[Spec]:
    """Keys that differ only in upper and lower case remain different keys.

    Why: some file systems and databases ignore case.
    What to do: do not use keys as file names.
    """
    return _each("case")
