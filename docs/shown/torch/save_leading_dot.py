"""`torch.save` refuses every path whose last name begins with a dot.

Shows: torch.save files/path-dots
Shows: torch.save-unrestricted files/path-dots
Shows: torch.module files/path-dots
"""

import torch

saved = {"x": torch.ones(2)}
torch.save(saved, ".hidden")
assert torch.equal(torch.load(".hidden")["x"], saved["x"])
