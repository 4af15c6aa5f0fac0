"""`torch.load` rejects empty bytes, which `torch.save` pickles as a call of `bytes()`; other bytes are restored.

Covers: torch.save container/bytes
Upstream: pytorch/pytorch#133163
"""

import torch

torch.save({"x": b"something"}, "something.pt")
assert torch.load("something.pt") == {"x": b"something"}
torch.save({"x": b""}, "nothing.pt")
assert torch.load("nothing.pt") == {"x": b""}
