"""`torch.save` rejects a file name whose only dot is the first character, such as `.hidden`.

Covers: torch.save files/path-dots
Covers: torch.save-unrestricted files/path-dots
Covers: torch.module files/path-dots
"""

import torch

saved = {"x": torch.ones(2)}
torch.save(saved, ".hidden")
assert torch.equal(torch.load(".hidden")["x"], saved["x"])
