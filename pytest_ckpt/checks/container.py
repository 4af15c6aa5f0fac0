"""The family `container`: containers and plain leaves keep their type and what is in them."""

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
from .base import EXTENDED, Check, FormatProfile, check

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_JUDGES = {"container", "keys", "values"}
_FIRST = TensorSpec("float32", (2,), fill=Fill(1))
_SECOND = TensorSpec("float32", (2, 3), fill=Fill(2))


def _explore(*containers: str) -> Callable[[FormatProfile], SearchStrategy[Any]]:
    def explore(asking: FormatProfile) -> SearchStrategy[Any]:
        from ..strategies import tree_specs

        narrow: dict[str, Any] = {"dtypes": ["float32"], "layouts": ["c"], "shapes": [(2,), (2, 3)], "special_values": False}
        flat = asking.domain != "tree"
        keys = ["a", "b", "c"]
        drawn = tree_specs(
            asking.backend, containers=containers, keys=keys, plain_leaves=False, aliases=False, max_depth=1 if flat else 3, **narrow
        )
        # An empty container is another check's question.
        return drawn.filter(lambda spec: all(node.children() for node in walk(spec) if isinstance(node, Tree)))

    return explore


def _container(name: str, explore: Callable[[FormatProfile], SearchStrategy[Any]] | None = None) -> Callable[[Any], Check]:
    return check(f"container/{name}", level=EXTENDED, judges=_JUDGES, explore=explore)


@_container("list", _explore("list"))
def list_(asking: FormatProfile) -> Iterator[Spec]:
    """A list of tensors comes back as a list of as many, in its order.

    Why: msgpack makes tuples of lists, npz makes dicts of them (dask/distributed#3716).
    What to do: store the container's type with the tree.
    """
    yield ListSpec((_FIRST,))
    yield ListSpec((_FIRST, _SECOND))


@_container("tuple", _explore("tuple"))
def tuple_(asking: FormatProfile) -> Iterator[Spec]:
    """A tuple of tensors comes back as a tuple.

    Why: most serializers know one kind of sequence (msgpack/msgpack-python#173).
    What to do: store the container's type with the tree.
    """
    yield TupleSpec((_FIRST,))
    yield TupleSpec((_FIRST, _SECOND))


@_container("dict", _explore("dict"))
def dict_(asking: FormatProfile) -> Iterator[Spec]:
    """A dict of tensors comes back as a dict with the same keys.

    Why: a dict becomes a 0-d object array, or a wrapper that is no dict (google-deepmind/dm-haiku#526).
    What to do: store the tree's structure, or refuse dicts.
    """
    yield DictSpec((("a", _FIRST),))
    yield DictSpec((("a", _FIRST), ("b", _SECOND)))


@_container("nested", _explore("dict", "list", "tuple"))
def nested(asking: FormatProfile) -> Iterator[Spec]:
    """Containers within containers come back, with every leaf in its place.

    Why: walkers that stop at the second level drop what is below (keras-team/keras#20598, keras-team/keras#12907).
    What to do: walk the tree by recursion, and count leaves on both sides.
    """
    yield DictSpec((("a", DictSpec((("b", _FIRST),))),))
    yield ListSpec((ListSpec((_FIRST,)),))
    yield ListSpec((ListSpec((TensorSpec("float32", (1,), fill=Fill(1)),)),))
    yield ListSpec((ListSpec((_FIRST,)), _SECOND))
    yield DictSpec((("a", ListSpec((_FIRST, DictSpec((("b", TupleSpec((_SECOND,))),))))), ("c", _SECOND)))


@_container("deep")
def deep(asking: FormatProfile) -> Iterator[Spec]:
    """A tree of 60 levels comes back.

    Why: recursion limits and fixed path buffers.
    What to do: walk with a stack of your own, or refuse trees that are too deep.
    """
    yield Deep(60, _FIRST)


@_container("empty-list")
def empty_list(asking: FormatProfile) -> Iterator[Spec]:
    """An empty list stays an empty list, and its siblings stay where they are.

    Why: flat formats have no entry for a container without leaves (google/orbax#65, tensorflow/tensorflow#23192).
    What to do: store the structure apart from the leaves.
    """
    yield ListSpec(())
    yield DictSpec((("a", ListSpec(())), ("b", _FIRST)))


@_container("empty-tuple")
def empty_tuple(asking: FormatProfile) -> Iterator[Spec]:
    """An empty tuple stays an empty tuple, and its siblings stay where they are.

    Why: as for empty lists; optimizer states are full of empty tuples (google/orbax#65).
    What to do: store the structure apart from the leaves.
    """
    yield TupleSpec(())
    yield DictSpec((("a", TupleSpec(())), ("b", _FIRST)))


@_container("empty-dict")
def empty_dict(asking: FormatProfile) -> Iterator[Spec]:
    """An empty dict stays an empty dict, and its siblings stay where they are.

    Why: an archive without members does not even look like one (numpy/numpy#11522, google/orbax#818).
    What to do: store the structure apart from the leaves.
    """
    yield DictSpec(())
    yield DictSpec((("a", DictSpec(())), ("b", _FIRST)))


@_container("none")
def none(asking: FormatProfile) -> Iterator[Spec]:
    """None stays None.

    Why: None is dropped as if nothing were there, or comes back as an object array (ml-explore/mlx#1328).
    What to do: store it as a leaf of its own kind.
    """
    yield from _plain(None)


@_container("namedtuple")
def namedtuple(asking: FormatProfile) -> Iterator[Spec]:
    """A named tuple keeps its class and fields.

    Why: it comes back as a tuple or a dict, and `state.mu` fails after the restart (google/orbax#65).
    What to do: restore into a structure that the caller gives, or store the class.
    """
    yield NamedTupleSpec(_FIRST, _SECOND)
    yield DictSpec((("a", NamedTupleSpec(_FIRST, _SECOND)), ("b", _FIRST)))


@_container("dataclass")
def dataclass(asking: FormatProfile) -> Iterator[Spec]:
    """A dataclass instance keeps its class and fields.

    Why: it is not a leaf that the format knows, and is flattened to a dict (patrick-kidger/equinox#1241).
    What to do: restore into a structure that the caller gives, or store the class.
    """
    yield DataclassSpec(_FIRST, _SECOND)
    yield DictSpec((("a", DataclassSpec(_FIRST, _SECOND)), ("b", _FIRST)))


@_container("ordered-dict")
def ordered_dict(asking: FormatProfile) -> Iterator[Spec]:
    """An OrderedDict stays one.

    Why: it comes back as a plain dict, and its `move_to_end` is gone (google/orbax#818).
    What to do: store the container's type with the tree.
    """
    yield DictSpec((("a", _FIRST),), ordered=True)
    yield DictSpec((("a", _FIRST), ("b", _SECOND)), ordered=True)


def _plain(*values: Any) -> Iterator[Spec]:
    """Each value as a leaf beside a tensor, which is what a template can differ in."""
    for value in values:
        yield DictSpec((("a", PlainSpec(value)), ("b", _FIRST)))


@_container("bool")
def bool_(asking: FormatProfile) -> Iterator[Spec]:
    """True and False come back as bool.

    Why: they come back as 1 and 0, or as arrays (BlueQuartzSoftware/simplnx#253).
    What to do: store plain leaves apart from tensors.
    """
    return _plain(True, False)


@_container("int")
def int_(asking: FormatProfile) -> Iterator[Spec]:
    """A Python int, such as a step counter, comes back as an int with its value.

    Why: counters are not tensors, and stay at the caller's old value (pytorch/pytorch#125528).
    What to do: store plain leaves apart from tensors.
    """
    return _plain(0, 7, -1, (1 << 53) + 1, -(1 << 63))


@_container("float")
def float_(asking: FormatProfile) -> Iterator[Spec]:
    """A Python float comes back as a float with all 64 bits.

    Why: it is stored as a float32 tensor, or as text of seven digits (serapeum-org/pyramids#1104).
    What to do: store eight bytes.
    """
    return _plain(0.1, -0.0, 5e-324, 1.7976931348623157e308, float("inf"), float("nan"))


@_container("str")
def str_(asking: FormatProfile) -> Iterator[Spec]:
    """A text comes back as str with its characters.

    Why: text becomes an array of characters or bytes (huggingface/accelerate#2145).
    What to do: store plain leaves apart from tensors, as UTF-8.
    """
    return _plain("", "text", "naïve 日本 \U0001f600", "a\0b\n")


@_container("bytes")
def bytes_(asking: FormatProfile) -> Iterator[Spec]:
    """A byte string comes back as bytes.

    Why: trailing NULs are stripped, and bytes from 0x80 on break text (lebedov/msgpack-numpy#39).
    What to do: store the length.
    """
    return _plain(b"", b"bytes", b"\x80\xff\x00")


@_container("big-int")
def big_int(asking: FormatProfile) -> Iterator[Spec]:
    """An int beyond 64 bits, such as a random generator's state, comes back whole.

    Why: it overflows, or turns into a float (serapeum-org/pyramids#1104).
    What to do: store it as text or bytes, or refuse it.
    """
    return _plain(1 << 64, -(1 << 70) - 1, (1 << 128) + 1)


@_container("numpy-scalar")
def numpy_scalar(asking: FormatProfile) -> Iterator[Spec]:
    """A NumPy scalar stays a NumPy scalar of its dtype.

    Why: it comes back as a Python number or as an array without dimensions (patrick-kidger/equinox#1241).
    What to do: store its dtype, and that it was a scalar.
    """
    for scalar in (ScalarSpec("float32", 0x3FC00000), ScalarSpec("int64", 7), ScalarSpec("bool", 1)):
        yield DictSpec((("a", scalar), ("b", _FIRST)))
