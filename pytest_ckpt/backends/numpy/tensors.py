"""Build and read arrays of NumPy, including the extension dtypes of ml_dtypes."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from typing import Any

import ml_dtypes
import numpy as np

from ...specs import DTYPES, Fill, TensorSpec, capabilities_of, dtypes_of
from ...specs.layouts import WINDOW
from .. import spec_values
from ..base import TAG, CannotBuild, Reading, attribute_flags, missing_capability, stable_repr
from ..memory import Memory, view_as_words
from ..numpy_dtypes import numpy_dtype

name = "numpy"
package = "numpy"
capabilities = capabilities_of(name)


class TaggedArray(np.ndarray[Any, Any]):
    """The class of arrays with the trait "subclass".

    Each instance has an attribute, which pickle preserves.
    """

    tag: str

    def __reduce__(self) -> Any:
        reduced: Any = super().__reduce__()
        return (*reduced[:2], (reduced[2], self.__dict__))

    def __setstate__(self, state: Any) -> None:
        super().__setstate__(state[0])
        self.__dict__.update(state[1])


def version() -> str:
    return np.__version__


@functools.cache
def _numpy_dtypes() -> dict[str, np.dtype[Any]]:
    """Return the dtypes of the table that this numpy has, by their name in the table."""
    return {known: found for known in dtypes_of(name) if (found := numpy_dtype(known)) is not None}


@functools.cache
def _names() -> dict[np.dtype[Any], str]:
    return {found: known for known, found in _numpy_dtypes().items()}


def dtypes() -> tuple[str, ...]:
    return tuple(_numpy_dtypes())


def refusal(spec: TensorSpec) -> str | None:
    own = _numpy_dtypes().get(spec.dtype)
    if own is None:
        return f"numpy {version()} with ml_dtypes {ml_dtypes.__version__} has no dtype {spec.dtype}"
    if len(spec.shape) > (64 if np.lib.NumpyVersion(version()) >= "2.0.0" else 32):
        return f"numpy {version()} has no arrays with {len(spec.shape)} dimensions"
    if spec.layout == "byte-swapped" and own.num > 24:
        return f"numpy cannot swap the bytes of the extension dtype {spec.dtype}"
    if spec.layout == "memory-mapped" and own.hasobject | (own.kind == "T"):
        return f"numpy cannot memory-map elements that are pointers (dtype {spec.dtype})"
    return missing_capability(spec, name, capabilities)


def build(spec: TensorSpec) -> Any:
    if reason := refusal(spec):
        raise CannotBuild(reason)
    own = _numpy_dtypes()[spec.dtype]
    block = (1, *spec.shape[1:]) if spec.layout == "broadcast" else spec.shape
    array = _arranged(_filled(spec.dtype, own, block, spec.fill), spec.layout, spec.shape)
    if "masked" in spec.traits:
        return np.ma.masked_array(array, mask=~spec_values.sparse_mask(spec.shape, spec.fill.seed))
    if "metadata" in spec.traits:
        return array.view(np.dtype(own, metadata={"unit": TAG}))
    if "subclass" in spec.traits:
        array = array.view(TaggedArray)
        array.tag = TAG
    return array


def _filled(dtype: str, own: np.dtype[Any], shape: tuple[int, ...], fill: Fill) -> Any:
    """Return a C-contiguous array with the values of a fill."""
    row = DTYPES[dtype]
    if row.kind == "string":
        return spec_values.texts(shape, fill, binary=False).astype(own)
    if row.kind == "object":
        return spec_values.objects(shape, fill)
    if row.kind != "struct":
        words = spec_values.words(dtype, shape, fill)
        return words.reshape(-1).view(own).reshape(shape)
    array = np.zeros(shape, own)
    for place, (field, kind) in enumerate(row.fields):
        target = array
        for step in field.split("."):
            target = target[step]
        seed = fill.seed and (fill.seed + place) % (1 << 64)
        inner = np.dtype(kind)
        target[...] = _filled(inner.base.name, inner.base, (*shape, *inner.shape), Fill(seed, fill.span, fill.specials))
    return array


def _arranged(array: Any, layout: str, shape: tuple[int, ...]) -> Any:
    """Return an array with the same values and the given memory layout."""
    if layout == "transposed":
        return array.swapaxes(-1, -2).copy().swapaxes(-1, -2)
    if layout == "fortran":
        return array.T.copy().T
    if layout == "sliced":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout in ("offset", "window"):
        before = 3 if layout == "offset" else WINDOW
        base = np.zeros(array.size + before, array.dtype)
        base[before:] = array.reshape(-1)
        return base[before:].reshape(shape)
    if layout == "negative-stride":
        return array[..., ::-1].copy()[..., ::-1]
    if layout == "broadcast":
        return np.broadcast_to(array, shape)
    if layout == "channels-last":
        return np.moveaxis(np.moveaxis(array, 1, -1).copy(), -1, 1)
    if layout == "byte-swapped":
        return array.byteswap().view(array.dtype.newbyteorder())
    if layout == "read-only":
        array.flags.writeable = False
    if layout == "memory-mapped":
        with tempfile.TemporaryFile() as file:
            mapped = np.memmap(file, array.dtype, "w+", shape=array.shape or (1,))
        mapped[...] = array
        return mapped.reshape(array.shape)
    return array


def view(tensor: Any, start: int, stop: int) -> Any:
    return tensor[start:stop]


def overwrite(tensor: Any, other: Any) -> bool:
    if not tensor.flags.writeable:
        return False
    np.copyto(tensor, other)
    return True


def owns(leaf: Any) -> bool:
    return isinstance(leaf, np.ndarray)


def read(tensor: Any) -> Reading:
    """Read an array. A NumPy scalar is read as an array without dimensions."""
    array = tensor if isinstance(tensor, np.ndarray) else np.asarray(tensor)
    own = array.dtype
    native = own if own.isnative else own.newbyteorder("=")
    reading = Reading(
        dtype=_names().get(native) or str(native),
        shape=array.shape,
        kind=_kind(tensor),
        flags=_flags(array),
        memory=Memory(array.__array_interface__["data"][0], array.shape, array.strides, own.itemsize),
    )
    if own.itemsize:
        reading.strides = tuple(stride // own.itemsize for stride in array.strides)
    if isinstance(array, np.ma.MaskedArray):
        reading.parts = {
            "data": array.data,
            "mask": np.ma.getmaskarray(array),
            "fill_value": None if array is np.ma.masked else array.fill_value,
        }
    elif own.names is not None:
        plain = array.view(np.ndarray)
        reading.parts = {field: plain[field] for field in own.names}
    elif own.hasobject or own.kind == "T":
        reading.objects = array.view(np.ndarray).astype(object) if own.kind == "T" else array.view(np.ndarray)
    else:
        reading.words = _words(array, DTYPES.get(reading.dtype))
    return reading


def _flags(array: Any) -> dict[str, Any]:
    """Return the flags of an array.

    The attributes of a memory map describe its file, so they do not count.
    """
    flags = {} if isinstance(array, np.memmap) else attribute_flags(array)
    if not array.dtype.isnative:
        flags["byte-order"] = "big" if array.dtype.str[0] == ">" else "little"
    if array.dtype.metadata:
        flags["metadata"] = stable_repr(dict(array.dtype.metadata))
    return flags


def _words(array: Any, row: Any) -> Any:
    word, count = (row.word, row.words) if row else (8, array.dtype.itemsize)
    if row is None and array.dtype.kind == "U":
        word, count = 32, array.dtype.itemsize // 4
    if count == 0:
        return np.empty((*array.shape, 0), np.uint8)
    if not array.dtype.isnative:
        array = array.byteswap()
    memory = Memory(array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.itemsize)
    return view_as_words(array, memory, word, count)


def _kind(tensor: Any) -> str:
    kind = np.ndarray if isinstance(tensor, np.memmap) else type(tensor)
    return f"{kind.__module__}.{kind.__qualname__}"


def scope() -> contextlib.AbstractContextManager[Any]:
    return contextlib.nullcontext()


def narrow() -> contextlib.AbstractContextManager[Any]:
    raise CannotBuild("numpy always has 64-bit types")
