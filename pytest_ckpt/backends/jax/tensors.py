"""Build and read arrays of JAX and variables of Flax.

Arrays are immutable, so shared memory cannot be observed.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import Any

import jax
import numpy as np

from ...specs import DTYPES, TensorSpec, capabilities_of, dtypes_of
from .. import spec_values
from ..base import CannotBuild, Reading, missing_capability
from ..memory import Memory, view_as_words
from ..numpy_dtypes import numpy_dtype

name = "jax"
package = "jax"
capabilities = capabilities_of(name)

_WIDE = ("int64", "uint64", "float64", "complex128")
#: By trait, the generator of a random key, and the number of words in one key.
_GENERATORS = {"prng-key": ("threefry2x32", 2), "prng-key-rbg": ("rbg", 4)}


def version() -> str:
    return str(jax.__version__)


def _has_64_bits() -> bool:
    return bool(jax.config.jax_enable_x64)


def _cpu() -> Any:
    return jax.local_devices(backend="cpu")[0]


@functools.cache
def _can_hold(dtype: str) -> bool:
    """Return whether this version has arrays of the dtype.

    JAX has no list of them, so this builds one.
    """
    own = numpy_dtype(dtype)
    if own is None:
        return False
    try:
        with scope():
            return bool(jax.device_put(np.zeros(2, own), _cpu()).dtype == own)
    except Exception:  # JAX raises several exception types for an unsupported dtype
        return False


def dtypes() -> tuple[str, ...]:
    return tuple(dtype for dtype in dtypes_of(name) if _can_hold(dtype) and (_has_64_bits() or dtype not in _WIDE))


def refusal(spec: TensorSpec) -> str | None:
    if spec.dtype not in capabilities.dtypes or not _can_hold(spec.dtype):
        return f"jax {version()} has no dtype {spec.dtype}"
    if spec.dtype in _WIDE and not _has_64_bits():
        return f"jax has the dtype {spec.dtype} only with jax_enable_x64, which is off"
    if reason := missing_capability(spec, name, capabilities):
        return reason
    if "accelerator" in spec.traits and jax.default_backend() == "cpu":
        return "jax found no accelerator on this machine"
    keys = [trait for trait in spec.traits if trait in _GENERATORS]
    if keys and spec.dtype != "uint32":
        return f"jax makes random keys from uint32, not from {spec.dtype}"
    if spec.dtype == "string" and "accelerator" in spec.traits:
        return "jax supports strings only on the CPU"
    if spec.dtype == "string" and not spec.size:
        return f"jax has no empty arrays of strings (shape {spec.shape})"
    # Elements go through numpy, and the data of a key has one dimension more than the key.
    most = (64 if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else 32) - len(keys)
    if len(spec.shape) > most:
        return f"jax {version()} with numpy {np.__version__} supports at most {most} dimensions, not {len(spec.shape)}"
    return None


def build(spec: TensorSpec) -> Any:
    if reason := refusal(spec):
        raise CannotBuild(reason)
    device = jax.local_devices()[0] if "accelerator" in spec.traits else _cpu()
    for trait in spec.traits:
        if trait in _GENERATORS:
            generator, words_per_key = _GENERATORS[trait]
            data = spec_values.words("uint32", (*spec.shape, words_per_key), spec.fill)
            return jax.random.wrap_key_data(jax.device_put(data, device), impl=generator)
    own = numpy_dtype(spec.dtype)
    if spec.dtype == "string":
        return jax.device_put(spec_values.texts(spec.shape, spec.fill, binary=False).astype(own), device)
    words = spec_values.words(spec.dtype, spec.shape, spec.fill)
    return jax.device_put(words.reshape(-1).view(own).reshape(spec.shape), device)


def view(tensor: Any, start: int, stop: int) -> Any:
    raise CannotBuild("jax arrays are immutable, so no view can be distinguished from a copy")


def overwrite(tensor: Any, other: Any) -> bool:
    return False


def _is_variable(leaf: Any) -> bool:
    """Return whether ``leaf`` is a variable of Flax. This does not import Flax."""
    variable = getattr(sys.modules.get("flax.nnx"), "Variable", None)
    return variable is not None and isinstance(leaf, variable)


def owns(leaf: Any) -> bool:
    return (isinstance(leaf, jax.Array) and not isinstance(leaf, jax.core.Tracer)) or _is_variable(leaf)


def read(tensor: Any) -> Reading:
    """Read an array, a random key or a variable of Flax.

    Not read, because no format is required to preserve them: the sharding over several devices, and
    the metadata of variables.
    """
    if _is_variable(tensor):
        return _variable(tensor)
    devices = {device.platform for device in tensor.devices()} - {"cpu"}
    flags: dict[str, Any] = {"device": "/".join(sorted(devices))} if devices else {}
    if jax.dtypes.issubdtype(tensor.dtype, jax.dtypes.prng_key):
        parts = {"data": jax.random.key_data(tensor), "implementation": str(jax.random.key_impl(tensor))}
        return Reading(str(tensor.dtype), tuple(tensor.shape), "jax.Array", parts=parts, flags=flags)
    array = np.asarray(tensor)
    if array.dtype.kind == "T":
        return Reading("string", array.shape, "jax.Array", objects=array.astype(object), flags=flags)
    if tensor.weak_type:
        flags["weak-type"] = True
    reading = Reading(str(tensor.dtype), tuple(tensor.shape), "jax.Array", flags=flags)
    row = DTYPES.get(reading.dtype)
    memory = Memory(array.__array_interface__["data"][0], array.shape, array.strides, array.itemsize)
    reading.words = view_as_words(array, memory, row.word if row else 8, row.words if row else array.itemsize)
    return reading


def _variable(variable: Any) -> Reading:
    value, kind = variable.get_value(), type(variable)
    reading = read(value) if owns(value) else Reading(type(value).__name__, (), "", parts={"value": value})
    # Modules create scalars with a weak type, and no format is required to preserve that.
    reading.flags = {flag: value for flag, value in reading.flags.items() if flag != "weak-type"}
    reading.kind = f"flax.nnx.{kind.__name__}" if kind.__module__.startswith("flax.") else f"{kind.__module__}.{kind.__qualname__}"
    # The array is immutable, but the variable can get another one, so the identity of the variable
    # represents its memory.
    reading.memory = Memory(id(variable), (1,), (1,), 1)
    return reading


def scope() -> contextlib.AbstractContextManager[Any]:
    return _enable_64_bits(True)


def narrow() -> contextlib.AbstractContextManager[Any]:
    return _enable_64_bits(False)


def _enable_64_bits(enabled: bool) -> contextlib.AbstractContextManager[Any]:
    """Return a context manager that turns 64-bit types on or off in this thread."""
    if hasattr(jax, "enable_x64"):
        return jax.enable_x64(enabled)  # type: ignore[no-any-return]
    from jax.experimental import enable_x64

    return enable_x64(enabled)  # type: ignore[no-any-return]
