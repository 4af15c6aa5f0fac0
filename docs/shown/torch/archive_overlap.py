"""An entry of the archive's directory that leads to another member is believed, and the values of another tensor come back.

Shows: torch.save security/overlap
Shows: torch.save-unrestricted security/overlap
Shows: torch.module security/overlap
Shows: torch.distributed-checkpoint security/overlap
Shows: torch.export security/overlap
"""

import pathlib
import zipfile

import torch

saved = {"x": torch.arange(1.0, 513.0), "y": torch.arange(-512.0, 0.0)}
torch.save(saved, "checkpoint.pt")
whole = pathlib.Path("checkpoint.pt").read_bytes()
with zipfile.ZipFile("checkpoint.pt") as archive:
    x, y = (archive.getinfo(f"checkpoint/data/{number}") for number in (0, 1))
    directory = archive.start_dir

# The place of a member stands right before its name, in the directory at the end; the member's own header has its name too.
place = whole.index(b"checkpoint/data/0", directory) - 4
assert int.from_bytes(whole[place : place + 4], "little") == x.header_offset
hostile = whole[:place] + y.header_offset.to_bytes(4, "little") + whole[place + 4 :]
pathlib.Path("checkpoint.pt").write_bytes(hostile)
try:
    came = torch.load("checkpoint.pt")
except RuntimeError:
    came = saved
assert torch.equal(came["x"], saved["x"]), f"for x, which begins with {saved['x'][:3]}, {came['x'][:3]} came"
