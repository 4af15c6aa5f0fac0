"""`torch.load` does not look at the checksums of the archive, so damaged values, and a damaged description, come back without an error.

Shows: torch.save corruption/bit-flip-payload
Shows: torch.save corruption/zero-block
Shows: torch.save corruption/swapped-blocks
Shows: torch.save corruption/bit-flip-header
Shows: torch.save process/two-writers
Shows: torch.save crash/power-loss
Shows: torch.save crash/durable
Shows: torch.save crash/new-path
Shows: torch.save-unrestricted corruption/bit-flip-payload
Shows: torch.save-unrestricted corruption/zero-block
Shows: torch.save-unrestricted corruption/swapped-blocks
Shows: torch.save-unrestricted corruption/bit-flip-header
Shows: torch.save-unrestricted process/two-writers
Shows: torch.save-unrestricted crash/power-loss
Shows: torch.save-unrestricted crash/durable
Shows: torch.save-unrestricted crash/new-path
Upstream: pytorch/pytorch#28858
"""

import pathlib

import torch

saved = {"x": torch.arange(1.0, 513.0), "y": torch.arange(-512.0, 0.0)}
torch.save(saved, "whole.pt")
whole = pathlib.Path("whole.pt").read_bytes()
values = whole.index(saved["x"].numpy().tobytes())
stride = whole.index(b"K\x01\x85") + 1  # how far one element of x is from the next, in the pickle

flipped = whole[: values + 3] + bytes([whole[values + 3] ^ 0x80]) + whole[values + 4 :]
zeroed = whole[:values] + bytes(512) + whole[values + 512 :]
swapped = whole[:values] + whole[values + 512 : values + 1024] + whole[values : values + 512] + whole[values + 1024 :]
described = whole[:stride] + b"\x00" + whole[stride + 1 :]
for name, damaged in {"flipped": flipped, "zeroed": zeroed, "swapped": swapped, "described": described}.items():
    pathlib.Path("damaged.pt").write_bytes(damaged)
    for weights_only in (True, False):
        try:
            came = torch.load("damaged.pt", weights_only=weights_only)
        except RuntimeError:
            continue
        assert torch.equal(came["x"], saved["x"]), f"{name}, and {came['x'][:3]} came without an error"
