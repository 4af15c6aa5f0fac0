"""`msgpack_serialize` raises at a tuple, though its documentation says that it takes trees "of dict, list, tuple".

Shows: flax.msgpack-serialize container/tuple
Shows: flax.msgpack-serialize container/nested
Shows: flax.msgpack-serialize container/empty-tuple
"""

import jax.numpy as jnp
from flax import serialization

saved = (jnp.ones(2), ())
loaded = serialization.msgpack_restore(serialization.msgpack_serialize(saved))
assert len(loaded) == 2, f"saved {saved}, got {loaded}"
assert (loaded[0] == saved[0]).all(), f"saved {saved}, got {loaded}"
