"""`torch.distributed.checkpoint` does not look at the checksums of the archives in its files, so damaged values come back without an error.

Shows: torch.distributed-checkpoint corruption/bit-flip-payload
Shows: torch.distributed-checkpoint corruption/zero-block
Shows: torch.distributed-checkpoint corruption/swapped-blocks
Upstream: pytorch/pytorch#28858
"""

import pathlib

import torch
import torch.distributed.checkpoint as dcp

saved = {"x": torch.arange(1.0, 513.0)}
dcp.save(saved, checkpoint_id="checkpoint")
(file,) = pathlib.Path("checkpoint").glob("*.distcp")
whole = file.read_bytes()
values = whole.index(saved["x"].numpy().tobytes())

flipped = whole[: values + 3] + bytes([whole[values + 3] ^ 0x80]) + whole[values + 4 :]
zeroed = whole[:values] + bytes(512) + whole[values + 512 :]
swapped = whole[:values] + whole[values + 512 : values + 1024] + whole[values : values + 512] + whole[values + 1024 :]
for name, damaged in {"flipped": flipped, "zeroed": zeroed, "swapped": swapped}.items():
    file.write_bytes(damaged)
    came = {"x": torch.zeros(512)}
    try:
        dcp.load(came, checkpoint_id="checkpoint")
    except dcp.CheckpointException:
        continue
    assert torch.equal(came["x"], saved["x"]), f"{name}, and {came['x'][:3]} came without an error"
