"""`torch.distributed.checkpoint.load` casts values to the types of the template without a word, where it compares sizes.

Shows: torch.distributed-checkpoint mismatch/wrong-dtype
Upstream: pytorch/pytorch#187138
"""

import torch
import torch.distributed.checkpoint as dcp

saved = {"x": torch.tensor([1 / 3], dtype=torch.float64)}
dcp.save(saved, checkpoint_id="checkpoint")
came = {"x": torch.zeros(1, dtype=torch.float32)}
try:
    dcp.load(came, checkpoint_id="checkpoint")
except dcp.CheckpointException:
    came = saved
assert torch.equal(came["x"].double(), saved["x"]), f"{came['x'].double()} came for {saved['x']}"
