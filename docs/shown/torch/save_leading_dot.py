"""`torch.save` refuses a file name that has no dot but the one it begins with, such as `.hidden`.

Shows: torch.save files/path-dots
Shows: torch.save-unrestricted files/path-dots
Shows: torch.module files/path-dots
"""

import torch

saved = {"x": torch.ones(2)}
torch.save(saved, ".hidden")
assert torch.equal(torch.load(".hidden")["x"], saved["x"])
