"""The family `tensor`: what a tensor carries beside its values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..specs import TRAITS, Fill, Spec, TensorSpec
from .base import EXTENDED, FormatProfile, check

_WHOLE = {"kind", "dtype", "shape", "values", "flags"}


def _named(*kinds: str) -> list[str]:
    """The traits that are of some kinds, by the beginning of their names."""
    return [trait for trait in TRAITS if trait.startswith(kinds)]


def _with(asking: FormatProfile, traits: Iterable[str], shapes: Iterable[tuple[int, ...]], dtype: str = "float32") -> Iterator[Spec]:
    """A tensor with each of the traits that the backend has, in each shape."""
    for trait in traits:
        for seed, shape in enumerate(shapes, start=1):
            if trait in asking.capabilities.traits:
                yield asking.carry(TensorSpec(dtype, shape, fill=Fill(seed), traits=(trait,)))


@check("tensor/class", level=EXTENDED, judges={"kind"})
def class_(asking: FormatProfile) -> Iterator[Spec]:
    """A tensor comes back as a tensor of its framework.

    Why: a loader that returns NumPy arrays leaves the caller with other indexing, other rules of types, and no device
    (google/flax#1261).
    What to do: convert on loading.
    """
    for seed, shape in enumerate(((2,), (2, 3), ()), start=1):
        yield asking.carry(TensorSpec("float32", shape, fill=Fill(seed)))


@check("tensor/requires-grad", level=EXTENDED, judges={"flags", "values"}, needs={"traits": "requires-grad"})
def requires_grad(asking: FormatProfile) -> Iterator[Spec]:
    """A tensor that gradients are recorded for still has them recorded.

    Why: the flag is lost, and the loaded weight never trains (pytorch/pytorch#121157).
    What to do: store the flag.
    """
    yield from _with(asking, ("requires-grad",), ((2,), (2, 3)))


@check("tensor/parameter", level=EXTENDED, judges={"kind", "flags", "values"}, needs={"traits": "parameter"})
def parameter(asking: FormatProfile) -> Iterator[Spec]:
    """A parameter or variable comes back as one, trainable or frozen as it was.

    Why: it comes back as a plain tensor that no optimizer finds, or frozen layers train again
    (tensorflow/tensorflow#46329).
    What to do: store class and flag.
    """
    for seed, traits in enumerate((("parameter",), ("parameter", "frozen")), start=1):
        yield asking.carry(TensorSpec("float32", (2,), fill=Fill(seed), traits=traits))


@check("tensor/subclass", level=EXTENDED, judges={"kind", "flags", "values"}, needs={"traits": "subclass"})
def subclass(asking: FormatProfile) -> Iterator[Spec]:
    """An instance of a tensor's subclass keeps its class, and the attribute that it carries.

    Why: it silently becomes a plain tensor, and what the class knew is gone (joblib/joblib#20, pytorch/ao#1764).
    What to do: store the class, or refuse it.
    """
    yield from _with(asking, ("subclass",), ((2,), (2, 3)))


@check("tensor/metadata", level=EXTENDED, judges={"flags", "values"}, needs={"traits": "metadata"})
def metadata(asking: FormatProfile) -> Iterator[Spec]:
    """A dtype that carries metadata, such as a unit, still carries it.

    Why: it is discarded when the array is saved, or written in a way that cannot be read (numpy/numpy#15017,
    numpy/numpy#14142).
    What to do: store it, or say that it is not kept.
    """
    yield from _with(asking, ("metadata",), ((2,), (2, 3)))


@check("tensor/masked", level=EXTENDED, judges=_WHOLE, needs={"traits": "masked"})
def masked(asking: FormatProfile) -> Iterator[Spec]:
    """A masked array keeps its data, its mask and its class.

    Why: the mask is dropped, and elements that were hidden count again (joblib/joblib#20).
    What to do: store the mask, or refuse masked arrays.
    """
    yield from _with(asking, ("masked",), ((2,), (2, 3)))


@check("tensor/sparse", level=EXTENDED, judges=_WHOLE, needs={"traits": _named("sparse", "ragged")})
def sparse(asking: FormatProfile) -> Iterator[Spec]:
    """A sparse or ragged tensor comes back with its layout, its indices and its values.

    Why: it is made dense, or its parts are taken for tensors of their own (pytorch/pytorch#58883).
    What to do: store the parts and the layout, or refuse it.
    """
    yield from _with(asking, _named("sparse", "ragged"), ((3, 2), (4, 3)))


@check("tensor/quantized", level=EXTENDED, judges=_WHOLE, needs={"traits": _named("quantized")})
def quantized(asking: FormatProfile) -> Iterator[Spec]:
    """A quantized tensor keeps its integers, scale and zero point.

    Why: the packed bytes are saved without what they mean (bitsandbytes-foundation/bitsandbytes#438).
    What to do: store the scale with the bytes.
    """
    yield from _with(asking, _named("quantized"), ((2, 3),))


@check("tensor/prng-key", level=EXTENDED, judges=_WHOLE, needs={"traits": _named("prng-key")})
def prng_key(asking: FormatProfile) -> Iterator[Spec]:
    """A typed random key comes back as a key of the same generator.

    Why: it comes back as plain integers, or cannot be loaded at all (google/orbax#2540).
    What to do: store the generator's name with the key's data.
    """
    yield from _with(asking, _named("prng-key"), ((), (2,)), dtype="uint32")


@check("tensor/device", level=EXTENDED, judges={"flags", "values"}, needs={"traits": "accelerator"})
def device(asking: FormatProfile) -> Iterator[Spec]:
    """A tensor on an accelerator comes back on that accelerator.

    Why: it comes back on the CPU, and the next operation fails or is slow.
    What to do: store the device, or take it from the template.
    """
    yield from _with(asking, ("accelerator",), ((2,),))


@check("tensor/strides", level=EXTENDED, judges={"strides", "values"}, needs={"layouts": ("transposed", "fortran")})
def strides(asking: FormatProfile) -> Iterator[Spec]:
    """A dense tensor with permuted dimensions keeps its strides.

    Why: kernels that were fast for one order of memory become slow, and compiled ones are compiled again
    (safetensors/safetensors#17).
    What to do: store the strides, or say that they are not kept.
    """
    for layout, shape in (("transposed", (2, 3)), ("fortran", (2, 3, 4)), ("transposed", (2, 3, 4))):
        yield asking.carry(TensorSpec("float32", shape, layout, Fill(1)))


@check("tensor/memory-format", level=EXTENDED, judges={"strides", "values"}, needs={"features": "memory-formats"})
def memory_format(asking: FormatProfile) -> Iterator[Spec]:
    """An image in channels-last memory stays in it.

    Why: the format is lost, and convolutions convert on every call (pytorch/pytorch#1995).
    What to do: store the strides, or say that they are not kept.
    """
    yield asking.carry(TensorSpec("float32", (2, 3, 2, 2), "channels-last", Fill(1)))


@check("tensor/byte-order", level=EXTENDED, judges={"flags", "values"}, needs={"layouts": "byte-swapped"})
def byte_order(asking: FormatProfile) -> Iterator[Spec]:
    """An array in the other byte order stays in it.

    Why: code that hands the buffer on counts on the order that it asked for (safetensors/safetensors#75).
    What to do: store the order, or say that arrays come back native.
    """
    for dtype in ("float32", "int64"):
        yield asking.carry(TensorSpec(dtype, (2,), "byte-swapped", Fill(1)))
