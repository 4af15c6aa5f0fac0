"""For float8_e5m2 and complex32 of ml_dtypes, `np.save` and `np.savez` write a descriptor into the header that `np.load` cannot parse.

Covers: numpy.save dtype/float8_e5m2
Covers: numpy.save bits/float8_e5m2
Covers: numpy.save nan-payload/float8_e5m2
Covers: numpy.save */*complex32
Covers: numpy.savez dtype/float8_e5m2
Covers: numpy.savez bits/float8_e5m2
Covers: numpy.savez nan-payload/float8_e5m2
Covers: numpy.savez */*complex32
Covers: numpy.savez-compressed dtype/float8_e5m2
Covers: numpy.savez-compressed bits/float8_e5m2
Covers: numpy.savez-compressed nan-payload/float8_e5m2
Covers: numpy.savez-compressed */*complex32
Covers: jax.numpy-save dtype/float8_e5m2
Covers: jax.numpy-save bits/float8_e5m2
Covers: jax.numpy-save nan-payload/float8_e5m2
Covers: jax.numpy-savez dtype/float8_e5m2
Covers: jax.numpy-savez bits/float8_e5m2
Covers: jax.numpy-savez nan-payload/float8_e5m2
Covers: tensorflow.numpy-save dtype/float8_e5m2
Covers: tensorflow.numpy-save bits/float8_e5m2
Covers: tensorflow.numpy-save nan-payload/float8_e5m2
Upstream: jax-ml/ml_dtypes#216
"""

import ml_dtypes
import numpy as np

lost = []
for kind in (ml_dtypes.float8_e5m2, ml_dtypes.complex32, ml_dtypes.bcomplex32):
    saved = np.array([1.0, -2.0]).astype(kind)
    np.save("checkpoint.npy", saved)
    np.savez("checkpoint.npz", weight=saved)
    for load in (lambda: np.load("checkpoint.npy"), lambda: np.load("checkpoint.npz")["weight"]):
        try:
            assert load().dtype == kind
        except (ValueError, AssertionError) as error:
            lost.append(f"{kind.__name__}: {error}")
assert not lost, lost
