"""`torch.export.load` gives each name of a tied weight a parameter of its own over the same memory.

Shows: torch.export model/tied
Shows: torch.export model/shared-module
"""

import torch

module = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
module[1].weight = module[0].weight
program = torch.export.export(module, (torch.ones(1, 2),))
assert len(list(program.module().parameters())) == 3
torch.export.save(program, "tied.pt2")
came = torch.export.load("tied.pt2").module()
assert len(list(came.parameters())) == 3, f"{len(list(came.parameters()))} parameters came for 3: an optimizer moves the weight twice"
