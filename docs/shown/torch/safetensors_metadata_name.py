"""Safetensors writes a tensor called `__metadata__` into a file that it cannot read.

Shows: safetensors.torch keys/api-names
Upstream: safetensors/safetensors#849
"""

import torch
from safetensors.torch import load_file, save_file

saved = {"__metadata__": torch.ones(2)}
try:
    save_file(saved, "named.safetensors")
except Exception as error:
    print(f"refused, as it should be: {error}")
else:
    assert torch.equal(load_file("named.safetensors")["__metadata__"], saved["__metadata__"])
