"""`np.save` writes a descriptor of a tensor of float8_e5m2 into the header that `np.load` does not parse.

Shows: tensorflow.numpy-save dtype/float8_e5m2
Shows: tensorflow.numpy-save bits/float8_e5m2
Shows: tensorflow.numpy-save nan-payload/float8_e5m2
Upstream: jax-ml/ml_dtypes#216
"""

import numpy as np
import tensorflow as tf

saved = tf.cast([1.0, -2.0], tf.dtypes.experimental.float8_e5m2)
np.save("checkpoint.npy", saved)
loaded = np.load("checkpoint.npy", allow_pickle=True)
assert loaded.dtype == saved.numpy().dtype, f"saved {saved.dtype}, got {loaded.dtype}"
