"""`torch.export.load` creates a separate parameter over the same memory for each name of a tied weight.

Covers: torch.export model/tied
Covers: torch.export model/shared-module
"""

import torch

module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
module[1].weight = module[0].weight
program = torch.export.export(module, (torch.ones(1, 2),))
assert len(list(program.module().parameters())) == 3
torch.export.save(program, "tied.pt2")
count = len(list(torch.export.load("tied.pt2").module().parameters()))
assert count == 3, f"saved 3 parameters, got {count}: an optimizer updates the weight twice"
