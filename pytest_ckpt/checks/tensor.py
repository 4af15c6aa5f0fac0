"""The family `tensor`: properties of a tensor besides its values, such as its class, flags, device and strides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..specs import TRAITS, Fill, Spec, TensorSpec
from .base import EXTENDED, check
from .profile import FormatProfile

_WHOLE = {"kind", "dtype", "shape", "values", "flags"}


def _traits(*prefixes: str) -> list[str]:
    """Return the traits whose names begin with one of ``prefixes``."""
    return [trait for trait in TRAITS if trait.startswith(prefixes)]


def _with(profile: FormatProfile, traits: Iterable[str], shapes: Iterable[tuple[int, ...]], dtype: str = "float32") -> Iterator[Spec]:
    """Yield a tensor for each shape and for each of the traits that the backend has."""
    for trait in traits:
        for seed, shape in enumerate(shapes, start=1):
            if trait in profile.capabilities.traits:
                yield profile.tree_of(TensorSpec(dtype, shape, fill=Fill(seed), traits=(trait,)))


@check("tensor/class", level=EXTENDED, judges={"kind"})
def class_(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor is restored as a tensor of its framework.

    Why: a loader that returns NumPy arrays gives the caller another behavior for indexing and type
    promotion, and no device (google/flax#1261).
    What to do: convert when loading.
    """
    for seed, shape in enumerate(((2,), (2, 3), ()), start=1):
        yield profile.tree_of(TensorSpec("float32", shape, fill=Fill(seed)))


@check("tensor/requires-grad", level=EXTENDED, judges={"flags", "values"}, needs={"traits": "requires-grad"})
def requires_grad(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor that requires gradients still requires them after loading.

    Why: the flag is lost, and the loaded weight is never trained (pytorch/pytorch#121157).
    What to do: store the flag.
    """
    yield from _with(profile, ("requires-grad",), ((2,), (2, 3)))


@check("tensor/parameter", level=EXTENDED, judges={"kind", "flags", "values"}, needs={"traits": "parameter"})
def parameter(profile: FormatProfile) -> Iterator[Spec]:
    """A parameter or variable is restored as one, and remains trainable or frozen.

    Why: it becomes a plain tensor that no optimizer finds, or frozen layers are trained again
    (tensorflow/tensorflow#46329).
    What to do: store the class and the flag.
    """
    for seed, traits in enumerate((("parameter",), ("parameter", "frozen")), start=1):
        yield profile.tree_of(TensorSpec("float32", (2,), fill=Fill(seed), traits=traits))


@check("tensor/subclass", level=EXTENDED, judges={"kind", "flags", "values"}, needs={"traits": "subclass"})
def subclass(profile: FormatProfile) -> Iterator[Spec]:
    """An instance of a subclass of the tensor type keeps its class and its attribute.

    Why: it silently becomes a plain tensor, and what the class adds is lost (joblib/joblib#20,
    pytorch/ao#1764).
    What to do: store the class, or raise in `save`.
    """
    yield from _with(profile, ("subclass",), ((2,), (2, 3)))


@check("tensor/metadata", level=EXTENDED, judges={"flags", "values"}, needs={"traits": "metadata"})
def metadata(profile: FormatProfile) -> Iterator[Spec]:
    """A dtype with metadata, such as a unit, keeps the metadata.

    Why: the metadata is dropped when the array is saved, or is written in a form that cannot be
    read (numpy/numpy#15017, numpy/numpy#14142).
    What to do: store it, or document that it is not stored.
    """
    yield from _with(profile, ("metadata",), ((2,), (2, 3)))


@check("tensor/masked", level=EXTENDED, judges=_WHOLE, needs={"traits": "masked"})
def masked(profile: FormatProfile) -> Iterator[Spec]:
    """A masked array keeps its data, its mask and its class.

    Why: the mask is dropped, and masked elements count again (joblib/joblib#20).
    What to do: store the mask, or raise in `save` for masked arrays.
    """
    yield from _with(profile, ("masked",), ((2,), (2, 3)))


@check("tensor/sparse", level=EXTENDED, judges=_WHOLE, needs={"traits": _traits("sparse", "ragged")})
def sparse(profile: FormatProfile) -> Iterator[Spec]:
    """A sparse or ragged tensor keeps its storage format, its indices and its values.

    Why: it becomes dense, or its components are restored as separate tensors (pytorch/pytorch#58883).
    What to do: store the components and the storage format, or raise in `save`.
    """
    yield from _with(profile, _traits("sparse", "ragged"), ((3, 2), (4, 3)))


@check("tensor/quantized", level=EXTENDED, judges=_WHOLE, needs={"traits": _traits("quantized")})
def quantized(profile: FormatProfile) -> Iterator[Spec]:
    """A quantized tensor keeps its integers, its scale and its zero point.

    Why: the integers are saved without their scale (bitsandbytes-foundation/bitsandbytes#438).
    What to do: store the scale and the zero point with the bytes.
    """
    yield from _with(profile, _traits("quantized"), ((2, 3),))


@check("tensor/prng-key", level=EXTENDED, judges=_WHOLE, needs={"traits": _traits("prng-key")})
def prng_key(profile: FormatProfile) -> Iterator[Spec]:
    """A typed random key is restored as a key for the same generator.

    Why: it becomes an array of integers, or cannot be loaded at all (google/orbax#2540).
    What to do: store the name of the generator with the data of the key.
    """
    yield from _with(profile, _traits("prng-key"), ((), (2,)), dtype="uint32")


@check("tensor/device", level=EXTENDED, judges={"flags", "values"}, needs={"traits": "accelerator"})
def device(profile: FormatProfile) -> Iterator[Spec]:
    """A tensor on an accelerator is restored on that accelerator.

    Why: it is restored on the CPU, and the next operation fails or is slow.
    What to do: store the device, or use the device of the template.
    """
    yield from _with(profile, ("accelerator",), ((2,),))


@check("tensor/strides", level=EXTENDED, judges={"strides", "values"}, needs={"layouts": ("transposed", "fortran")})
def strides(profile: FormatProfile) -> Iterator[Spec]:
    """A dense tensor with permuted dimensions keeps its strides.

    Why: code that is fast for one memory order becomes slow, and compiled code is compiled again
    (safetensors/safetensors#17).
    What to do: store the strides, or document that they are not stored.
    """
    for layout, shape in (("transposed", (2, 3)), ("fortran", (2, 3, 4)), ("transposed", (2, 3, 4))):
        yield profile.tree_of(TensorSpec("float32", shape, layout, Fill(1)))


@check("tensor/memory-format", level=EXTENDED, judges={"strides", "values"}, needs={"features": "memory-formats"})
def memory_format(profile: FormatProfile) -> Iterator[Spec]:
    """A batch of images in channels-last memory format keeps this memory format.

    Why: the memory format is lost, and convolutions convert the tensor at every call
    (pytorch/pytorch#1995).
    What to do: store the strides, or document that they are not stored.
    """
    yield profile.tree_of(TensorSpec("float32", (2, 3, 2, 2), "channels-last", Fill(1)))


@check("tensor/byte-order", level=EXTENDED, judges={"flags", "values"}, needs={"layouts": "byte-swapped"})
def byte_order(profile: FormatProfile) -> Iterator[Spec]:
    """An array in the byte order that is not native keeps its byte order.

    Why: code that passes the buffer on expects the byte order that it chose
    (safetensors/safetensors#75).
    What to do: store the byte order, or document that arrays are restored in native order.
    """
    for dtype in ("float32", "int64"):
        yield profile.tree_of(TensorSpec(dtype, (2,), "byte-swapped", Fill(1)))
