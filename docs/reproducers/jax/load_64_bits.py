"""With `jax_enable_x64` off, JAX silently casts the 64-bit values of a file to 32 bits, whichever library loads them.

Covers: jax.numpy-save mismatch/64-bit-off
Covers: orbax.standard mismatch/64-bit-off
Covers: orbax.pytree mismatch/64-bit-off
Covers: flax.checkpoints mismatch/64-bit-off
Covers: safetensors.flax mismatch/64-bit-off
Upstream: jax-ml/jax#18385
"""

import logging
import pathlib
import warnings

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from safetensors.flax import load_file, save_file

saved, folder = 2**40 + 1, pathlib.Path.cwd() / "checkpoint"
with jax.enable_x64(True):
    array = jnp.array([saved])
    jnp.save("checkpoint.npy", array)
    save_file({"step": array}, "checkpoint.safetensors")
    ocp.PyTreeCheckpointer().save(folder, {"step": array})
loads = {
    "jnp.load": lambda: jnp.load("checkpoint.npy"),
    "safetensors.flax.load_file": lambda: load_file("checkpoint.safetensors")["step"],
    "PyTreeCheckpointer.restore": lambda: ocp.PyTreeCheckpointer().restore(folder)["step"],
}
logged, lost = [], {}
logging.getLogger("absl").addHandler(handler := logging.Handler(logging.WARNING))
handler.emit = lambda record: logged.append(record.getMessage())
for name, load in loads.items():
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        loaded = int(load()[0])
    messages = [*logged, *(str(each.message) for each in warned)]
    if loaded != saved and not any("64" in each for each in messages):
        lost[name] = loaded
assert not lost, f"saved {saved}, and without a warning got {lost}"
