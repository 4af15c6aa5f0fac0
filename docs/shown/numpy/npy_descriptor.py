"""`np.save` and `np.savez` write a descriptor of ml_dtypes' float8_e5m2 and complex32 into the header that `np.load` does not parse.

Shows: numpy.save dtype/float8_e5m2
Shows: numpy.save bits/float8_e5m2
Shows: numpy.save nan-payload/float8_e5m2
Shows: numpy.save */*complex32
Shows: numpy.savez dtype/float8_e5m2
Shows: numpy.savez bits/float8_e5m2
Shows: numpy.savez nan-payload/float8_e5m2
Shows: numpy.savez */*complex32
Shows: numpy.savez-compressed dtype/float8_e5m2
Shows: numpy.savez-compressed bits/float8_e5m2
Shows: numpy.savez-compressed nan-payload/float8_e5m2
Shows: numpy.savez-compressed */*complex32
Shows: jax.numpy-save dtype/float8_e5m2
Shows: jax.numpy-save bits/float8_e5m2
Shows: jax.numpy-save nan-payload/float8_e5m2
Shows: jax.numpy-savez dtype/float8_e5m2
Shows: jax.numpy-savez bits/float8_e5m2
Shows: jax.numpy-savez nan-payload/float8_e5m2
Shows: tensorflow.numpy-save dtype/float8_e5m2
Shows: tensorflow.numpy-save bits/float8_e5m2
Shows: tensorflow.numpy-save nan-payload/float8_e5m2
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
