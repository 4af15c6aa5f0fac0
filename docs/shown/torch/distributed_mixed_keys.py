"""`torch.distributed.checkpoint.load` sorts the keys of a state dict, and fails where some are ints and others text, which it has saved.

Shows: torch.distributed-checkpoint keys/int
"""

import torch
import torch.distributed.checkpoint as dcp

saved = {"a": torch.ones(2), 0: torch.zeros(2)}
dcp.save(saved, checkpoint_id="checkpoint")
came = {"a": torch.zeros(2), 0: torch.ones(2)}
dcp.load(came, checkpoint_id="checkpoint")
assert all(torch.equal(came[key], saved[key]) for key in saved), f"{came} came"
