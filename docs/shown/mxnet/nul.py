"""`npx.save` and `nd.save` end a name at its first NUL, as C strings do, and what was saved under it comes back under another.

Shows: mxnet.npx-save keys/nul
Shows: mxnet.nd-save keys/nul
"""

import mxnet as mx

mx.nd.save("checkpoint", {"a\0b": mx.nd.ones(2)})
assert list(mx.nd.load("checkpoint")) == ["a\0b"], f"saved ['a\\x00b'], got {list(mx.nd.load('checkpoint'))}"
mx.npx.set_np()
mx.npx.save("checkpoint", {"a\0b": mx.np.ones(2)})
assert list(mx.npx.load("checkpoint")) == ["a\0b"], f"saved ['a\\x00b'], got {list(mx.npx.load('checkpoint'))}"
