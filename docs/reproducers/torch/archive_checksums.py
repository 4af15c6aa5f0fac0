"""PyTorch writes a checksum for each member of an archive and does not verify it, so damaged values are loaded without an error.

Covers: torch.save corruption/bit-flip-payload
Covers: torch.save corruption/zero-block
Covers: torch.save corruption/swapped-blocks
Covers: torch.save corruption/bit-flip-header
Covers: torch.save-unrestricted corruption/bit-flip-payload
Covers: torch.save-unrestricted corruption/zero-block
Covers: torch.save-unrestricted corruption/swapped-blocks
Covers: torch.save-unrestricted corruption/bit-flip-header
Covers: torch.module corruption/bit-flip-payload
Covers: torch.module corruption/zero-block
Covers: torch.module corruption/swapped-blocks
Covers: torch.module corruption/bit-flip-header
Covers: torch.export corruption/bit-flip-payload
Covers: torch.export corruption/zero-block
Covers: torch.export corruption/swapped-blocks
Covers: torch.distributed-checkpoint corruption/bit-flip-payload
Covers: torch.distributed-checkpoint corruption/zero-block
Covers: torch.distributed-checkpoint corruption/swapped-blocks
Upstream: pytorch/pytorch#28858
Upstream: pytorch/pytorch#126952
"""

import pathlib

import torch
import torch.distributed.checkpoint as dcp

module = torch.nn.Linear(32, 32)
program = torch.export.export(module, (torch.ones(1, 32),))


def load_distributed(path):
    loaded = {"weight": torch.zeros(32, 32)}
    dcp.load(loaded, checkpoint_id=path)
    return loaded["weight"]


ways = {
    "torch.load": (lambda path: torch.save(module.state_dict(), path), lambda path: torch.load(path)["weight"]),
    "torch.load of a module": (lambda path: torch.save(module, path), lambda path: torch.load(path, weights_only=False).weight),
    "torch.export.load": (lambda path: torch.export.save(program, path), lambda path: torch.export.load(path).state_dict["weight"]),
    "dcp.load": (lambda path: dcp.save({"weight": module.weight}, checkpoint_id=path), load_distributed),
}
undetected = []
for name, (save, load) in ways.items():
    path = pathlib.Path(f"{name}.pt2")
    save(path)
    file = path if path.is_file() else next(path.glob("*.distcp"))
    whole = file.read_bytes()
    at = whole.index(module.weight.detach().numpy().tobytes())
    damage = {
        "a flipped bit": (at + 3, bytes([whole[at + 3] ^ 0x80])),
        "zeros": (at, bytes(512)),
        "swapped blocks": (at, whole[at + 512 : at + 1024] + whole[at : at + 512]),
    }
    if (strides := whole.find(b"K K\x01\x86")) >= 0:  # 32 and 1 in the pickle that describes the tensor
        damage["another stride"] = (strides + 3, b"\0")
    for kind, (start, others) in damage.items():
        file.write_bytes(whole[:start] + others + whole[start + len(others) :])
        try:
            loaded = load(path)
        except (RuntimeError, dcp.CheckpointException):
            continue
        if not torch.equal(loaded, module.weight):
            undetected.append(f"{name}: {kind}")
assert not undetected, f"other values were loaded without an error: {undetected}"
