"""`msgpack_serialize` raises an error for a tuple, although its documentation lists "dict, list, tuple" as supported.

Covers: flax.msgpack-serialize container/tuple
Covers: flax.msgpack-serialize container/nested
Covers: flax.msgpack-serialize container/empty-tuple
"""

import jax.numpy as jnp
from flax import serialization

saved = (jnp.ones(2), ())
loaded = serialization.msgpack_restore(serialization.msgpack_serialize(saved))
assert len(loaded) == 2, f"saved {saved}, got {loaded}"
assert (loaded[0] == saved[0]).all(), f"saved {saved}, got {loaded}"
