"""`torch.load` does not look at the checksums of the archive, so the damaged weights of a module come back without an error.

Shows: torch.module corruption/bit-flip-payload
Shows: torch.module corruption/zero-block
Shows: torch.module corruption/swapped-blocks
Shows: torch.module corruption/bit-flip-header
Shows: torch.module process/two-writers
Shows: torch.module crash/power-loss
Shows: torch.module crash/durable
Shows: torch.module crash/new-path
Upstream: pytorch/pytorch#28858
"""

import pathlib

import torch

module = torch.nn.Linear(32, 32)
torch.save(module, "whole.pt")
whole = pathlib.Path("whole.pt").read_bytes()
values = whole.index(module.weight.detach().numpy().tobytes())
stride = whole.index(b"K K\x01\x86") + 3  # how far one column of the weight is from the next, in the pickle

flipped = whole[: values + 3] + bytes([whole[values + 3] ^ 0x80]) + whole[values + 4 :]
zeroed = whole[:values] + bytes(512) + whole[values + 512 :]
swapped = whole[:values] + whole[values + 512 : values + 1024] + whole[values : values + 512] + whole[values + 1024 :]
described = whole[:stride] + b"\x00" + whole[stride + 1 :]
for name, damaged in {"flipped": flipped, "zeroed": zeroed, "swapped": swapped, "described": described}.items():
    pathlib.Path("damaged.pt").write_bytes(damaged)
    try:
        came = torch.load("damaged.pt", weights_only=False)
    except RuntimeError:
        continue
    assert torch.equal(came.weight, module.weight), f"{name}, and {came.weight[0, :3]} came without an error"
