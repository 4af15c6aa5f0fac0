"""Safetensors writes the memory of conjugate and negative views unchanged and ignores the bit, so other values are loaded.

Covers: safetensors.torch layout/conj
Covers: safetensors.torch layout/neg
Upstream: safetensors/safetensors#831
"""

import torch
from safetensors.torch import load_file, save_file

saved = {"conj": torch.tensor([1 + 2j]).conj(), "neg": torch.tensor([1 + 2j]).conj().imag}
save_file(saved, "views.safetensors")
loaded = load_file("views.safetensors")
assert all(torch.equal(loaded[key], saved[key]) for key in saved), f"saved {saved}, got {loaded}"
