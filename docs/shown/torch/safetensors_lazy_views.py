"""Safetensors writes the memory of conjugate and negative views as it lies, so that other values come back.

Shows: safetensors.torch layout/conj
Shows: safetensors.torch layout/neg
Upstream: safetensors/safetensors#831
"""

import torch
from safetensors.torch import load_file, save_file

saved = {"conj": torch.tensor([1 + 2j]).conj(), "neg": torch.tensor([1 + 2j]).conj().imag}
save_file(saved, "views.safetensors")
came = load_file("views.safetensors")
assert all(torch.equal(came[key], saved[key]) for key in saved), f"{came} came for {saved}"
