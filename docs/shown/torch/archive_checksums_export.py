"""`torch.export.load` does not look at the checksums of the archive, so damaged weights come back without an error.

Shows: torch.export corruption/bit-flip-payload
Shows: torch.export corruption/zero-block
Shows: torch.export corruption/swapped-blocks
Shows: torch.export process/two-writers
Shows: torch.export crash/power-loss
Shows: torch.export crash/durable
Shows: torch.export crash/new-path
Upstream: pytorch/pytorch#28858
"""

import pathlib

import torch

module = torch.nn.Linear(32, 32)
torch.export.save(torch.export.export(module, (torch.ones(1, 32),)), "whole.pt2")
whole = pathlib.Path("whole.pt2").read_bytes()
values = whole.index(module.weight.detach().numpy().tobytes())

flipped = whole[: values + 3] + bytes([whole[values + 3] ^ 0x80]) + whole[values + 4 :]
zeroed = whole[:values] + bytes(512) + whole[values + 512 :]
swapped = whole[:values] + whole[values + 512 : values + 1024] + whole[values : values + 512] + whole[values + 1024 :]
for name, damaged in {"flipped": flipped, "zeroed": zeroed, "swapped": swapped}.items():
    pathlib.Path("damaged.pt2").write_bytes(damaged)
    try:
        came = torch.export.load("damaged.pt2").state_dict["weight"]
    except RuntimeError:
        continue
    assert torch.equal(came, module.weight), f"{name}, and {came[0, :3]} came without an error"
