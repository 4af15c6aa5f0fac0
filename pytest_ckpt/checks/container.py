"""The family `container`: containers and plain Python leaves keep their types and their contents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..specs import (
    DataclassSpec,
    Deep,
    DictSpec,
    Fill,
    ListSpec,
    NamedTupleSpec,
    PlainSpec,
    ScalarSpec,
    Spec,
    TensorSpec,
    Tree,
    TupleSpec,
    walk,
)
from .base import EXTENDED, Check, check
from .profile import FormatProfile

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_JUDGES = {"container", "keys", "values"}
_FIRST = TensorSpec("float32", (2,), fill=Fill(1))
_SECOND = TensorSpec("float32", (2, 3), fill=Fill(2))


def _explore(*containers: str) -> Callable[[FormatProfile], SearchStrategy[Any]]:
    def explore(profile: FormatProfile) -> SearchStrategy[Any]:
        from ..strategies import tree_specs

        limits: dict[str, Any] = {"dtypes": ["float32"], "layouts": ["c"], "shapes": [(2,), (2, 3)], "special_values": False}
        flat = profile.domain != "tree"
        keys = ["a", "b", "c"]
        trees = tree_specs(
            profile.backend, containers=containers, keys=keys, plain_leaves=False, aliases=False, max_depth=1 if flat else 3, **limits
        )
        # Empty containers have checks of their own.
        return trees.filter(lambda spec: all(node.children() for node in walk(spec) if isinstance(node, Tree)))

    return explore


def _container(name: str, explore: Callable[[FormatProfile], SearchStrategy[Any]] | None = None) -> Callable[[Any], Check]:
    return check(f"container/{name}", level=EXTENDED, judges=_JUDGES, explore=explore)


@_container("list", _explore("list"))
def list_(profile: FormatProfile) -> Iterator[Spec]:
    """A list of tensors is restored as a list of the same length and order.

    Why: msgpack turns lists into tuples, and npz turns them into dicts (dask/distributed#3716).
    What to do: store the type of each container with the tree.
    """
    yield ListSpec((_FIRST,))
    yield ListSpec((_FIRST, _SECOND))


@_container("tuple", _explore("tuple"))
def tuple_(profile: FormatProfile) -> Iterator[Spec]:
    """A tuple of tensors is restored as a tuple.

    Why: most serializers have only one type of sequence (msgpack/msgpack-python#173).
    What to do: store the type of each container with the tree.
    """
    yield TupleSpec((_FIRST,))
    yield TupleSpec((_FIRST, _SECOND))


@_container("dict", _explore("dict"))
def dict_(profile: FormatProfile) -> Iterator[Spec]:
    """A dict of tensors is restored as a dict with the same keys.

    Why: a dict becomes a 0-d object array, or a wrapper that is not a dict
    (google-deepmind/dm-haiku#526).
    What to do: store the structure of the tree, or raise in `save` for dicts.
    """
    yield DictSpec((("a", _FIRST),))
    yield DictSpec((("a", _FIRST), ("b", _SECOND)))


@_container("nested", _explore("dict", "list", "tuple"))
def nested(profile: FormatProfile) -> Iterator[Spec]:
    """Nested containers are restored, with every leaf at its position.

    Why: code that goes through two levels only drops everything below (keras-team/keras#20598,
    keras-team/keras#12907).
    What to do: go through the tree recursively, and compare the numbers of leaves.
    """
    yield DictSpec((("a", DictSpec((("b", _FIRST),))),))
    yield ListSpec((ListSpec((_FIRST,)),))
    yield ListSpec((ListSpec((TensorSpec("float32", (1,), fill=Fill(1)),)),))
    yield ListSpec((ListSpec((_FIRST,)), _SECOND))
    yield DictSpec((("a", ListSpec((_FIRST, DictSpec((("b", TupleSpec((_SECOND,))),))))), ("c", _SECOND)))


@_container("deep")
def deep(profile: FormatProfile) -> Iterator[Spec]:
    """A tree with 60 levels is restored.

    Why: recursion has a limit, and buffers for paths have a fixed length.
    What to do: go through the tree with an explicit stack, or raise in `save` for deep trees.
    """
    yield Deep(60, _FIRST)


@_container("empty-list")
def empty_list(profile: FormatProfile) -> Iterator[Spec]:
    """An empty list is restored as an empty list, and the other leaves keep their positions.

    Why: flat formats have no entry for a container without leaves (google/orbax#65,
    tensorflow/tensorflow#23192).
    What to do: store the structure of the tree, not only its leaves.
    """
    yield ListSpec(())
    yield DictSpec((("a", ListSpec(())), ("b", _FIRST)))


@_container("empty-tuple")
def empty_tuple(profile: FormatProfile) -> Iterator[Spec]:
    """An empty tuple is restored as an empty tuple, and the other leaves keep their positions.

    Why: flat formats have no entry for it, and states of optimizers contain many empty tuples
    (google/orbax#65).
    What to do: store the structure of the tree, not only its leaves.
    """
    yield TupleSpec(())
    yield DictSpec((("a", TupleSpec(())), ("b", _FIRST)))


@_container("empty-dict")
def empty_dict(profile: FormatProfile) -> Iterator[Spec]:
    """An empty dict is restored as an empty dict, and the other leaves keep their positions.

    Why: an archive without members does not look like an archive (numpy/numpy#11522,
    google/orbax#818).
    What to do: store the structure of the tree, not only its leaves.
    """
    yield DictSpec(())
    yield DictSpec((("a", DictSpec(())), ("b", _FIRST)))


@_container("none")
def none(profile: FormatProfile) -> Iterator[Spec]:
    """None is restored as None.

    Why: None is dropped as if there were no entry, or becomes an object array (ml-explore/mlx#1328).
    What to do: store it as a leaf with a separate type.
    """
    yield from _plain(None)


@_container("namedtuple")
def namedtuple(profile: FormatProfile) -> Iterator[Spec]:
    """A named tuple keeps its class and its fields.

    Why: it becomes a tuple or a dict, and `state.mu` fails after a restart (google/orbax#65).
    What to do: restore into a structure that the caller passes, or store the class.
    """
    yield NamedTupleSpec(_FIRST, _SECOND)
    yield DictSpec((("a", NamedTupleSpec(_FIRST, _SECOND)), ("b", _FIRST)))


@_container("dataclass")
def dataclass(profile: FormatProfile) -> Iterator[Spec]:
    """An instance of a dataclass keeps its class and its fields.

    Why: the format does not know it as a leaf, and converts it to a dict (patrick-kidger/equinox#1241).
    What to do: restore into a structure that the caller passes, or store the class.
    """
    yield DataclassSpec(_FIRST, _SECOND)
    yield DictSpec((("a", DataclassSpec(_FIRST, _SECOND)), ("b", _FIRST)))


@_container("ordered-dict")
def ordered_dict(profile: FormatProfile) -> Iterator[Spec]:
    """An OrderedDict is restored as an OrderedDict.

    Why: it becomes a plain dict, which has no `move_to_end` (google/orbax#818).
    What to do: store the type of each container with the tree.
    """
    yield DictSpec((("a", _FIRST),), ordered=True)
    yield DictSpec((("a", _FIRST), ("b", _SECOND)), ordered=True)


def _plain(*values: Any) -> Iterator[Spec]:
    """Yield each value as a leaf, with a tensor in which a template can differ."""
    for value in values:
        yield DictSpec((("a", PlainSpec(value)), ("b", _FIRST)))


@_container("bool")
def bool_(profile: FormatProfile) -> Iterator[Spec]:
    """True and False are restored as bool.

    Why: they become 1 and 0, or arrays (BlueQuartzSoftware/simplnx#253).
    What to do: do not store plain leaves as tensors.
    """
    return _plain(True, False)


@_container("int")
def int_(profile: FormatProfile) -> Iterator[Spec]:
    """A Python int, such as a step counter, is restored as an int with its value.

    Why: counters are not tensors, so the loaded object keeps the old value (pytorch/pytorch#125528).
    What to do: store plain leaves too, but not as tensors.
    """
    return _plain(0, 7, -1, (1 << 53) + 1, -(1 << 63))


@_container("float")
def float_(profile: FormatProfile) -> Iterator[Spec]:
    """A Python float is restored as a float with all its 64 bits.

    Why: it is stored as a float32 tensor, or as text with seven digits (serapeum-org/pyramids#1104).
    What to do: store eight bytes.
    """
    return _plain(0.1, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("nan"))


@_container("str")
def str_(profile: FormatProfile) -> Iterator[Spec]:
    """A str is restored as a str with the same characters.

    Why: text becomes an array of characters or bytes (huggingface/accelerate#2145).
    What to do: store it as UTF-8, not as a tensor.
    """
    return _plain("", "text", "naïve 日本 \U0001f600", "a\0b\n")


@_container("bytes")
def bytes_(profile: FormatProfile) -> Iterator[Spec]:
    """A bytes object is restored as bytes.

    Why: NUL bytes at the end are removed, and bytes of 0x80 and above are not valid text
    (lebedov/msgpack-numpy#39).
    What to do: store the length.
    """
    return _plain(b"", b"bytes", b"\x80\xff\x00")


@_container("big-int")
def big_int(profile: FormatProfile) -> Iterator[Spec]:
    """An int of more than 64 bits, such as the state of a random generator, is restored exactly.

    Why: it overflows, or becomes a float (serapeum-org/pyramids#1104).
    What to do: store it as text or bytes, or raise in `save`.
    """
    return _plain(1 << 64, -(1 << 70) - 1, (1 << 128) + 1)


@_container("numpy-scalar")
def numpy_scalar(profile: FormatProfile) -> Iterator[Spec]:
    """A NumPy scalar is restored as a NumPy scalar of the same dtype.

    Why: it becomes a Python number, or an array without dimensions (patrick-kidger/equinox#1241).
    What to do: store its dtype, and that it is a scalar.
    """
    for scalar in (ScalarSpec("float32", 0x3FC00000), ScalarSpec("int64", 7), ScalarSpec("bool", 1)):
        yield DictSpec((("a", scalar), ("b", _FIRST)))
