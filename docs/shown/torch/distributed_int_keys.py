"""`torch.distributed.checkpoint.load` sets numbers that stand under int keys under text, and what is under the int key stays.

Shows: torch.distributed-checkpoint training/schedule
Shows: torch.distributed-checkpoint training/groups
Upstream: pytorch/pytorch#153842
"""

import torch
import torch.distributed.checkpoint as dcp


def schedule(milestones):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], 0.1)
    return torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.5)


saved, fresh = schedule([1, 3, 3]), schedule([1, 3])
dcp.save({"schedule": saved.state_dict()}, checkpoint_id="checkpoint")
came = {"schedule": fresh.state_dict()}
dcp.load(came, checkpoint_id="checkpoint")
assert came["schedule"]["milestones"] == saved.milestones, f"{came['schedule']['milestones']} came for {saved.milestones}"
