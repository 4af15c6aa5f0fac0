"""`torch.distributed.checkpoint.load` stores numbers from int keys under text keys, and the old values under the int keys remain.

Covers: torch.distributed-checkpoint training/schedule
Covers: torch.distributed-checkpoint training/groups
Upstream: pytorch/pytorch#153842
"""

import torch
import torch.distributed.checkpoint as dcp


def schedule(milestones):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], 0.1)
    return torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.5)


saved, fresh = schedule([1, 3, 3]), schedule([1, 3])
dcp.save({"schedule": saved.state_dict()}, checkpoint_id="checkpoint")
loaded = {"schedule": fresh.state_dict()}
dcp.load(loaded, checkpoint_id="checkpoint")
assert loaded["schedule"]["milestones"] == saved.milestones, f"saved {saved.milestones}, got {loaded['schedule']['milestones']}"
