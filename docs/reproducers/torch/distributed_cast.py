"""`torch.distributed.checkpoint.load` silently casts values to the dtypes of the template, although it compares sizes.

Covers: torch.distributed-checkpoint mismatch/wrong-dtype
Upstream: pytorch/pytorch#187138
"""

import torch
import torch.distributed.checkpoint as dcp

saved = {"x": torch.tensor([1 / 3], dtype=torch.float64)}
dcp.save(saved, checkpoint_id="checkpoint")
loaded = {"x": torch.zeros(1, dtype=torch.float32)}
try:
    dcp.load(loaded, checkpoint_id="checkpoint")
except dcp.CheckpointException:
    loaded = saved
assert torch.equal(loaded["x"].double(), saved["x"]), f"saved {saved['x'].item()}, got {loaded['x'].item()}"
