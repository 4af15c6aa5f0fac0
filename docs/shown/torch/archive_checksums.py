"""PyTorch writes a checksum of each member of its archives and does not look at them, so damaged values come back without an error.

Shows: torch.save corruption/bit-flip-payload
Shows: torch.save corruption/zero-block
Shows: torch.save corruption/swapped-blocks
Shows: torch.save corruption/bit-flip-header
Shows: torch.save-unrestricted corruption/bit-flip-payload
Shows: torch.save-unrestricted corruption/zero-block
Shows: torch.save-unrestricted corruption/swapped-blocks
Shows: torch.save-unrestricted corruption/bit-flip-header
Shows: torch.module corruption/bit-flip-payload
Shows: torch.module corruption/zero-block
Shows: torch.module corruption/swapped-blocks
Shows: torch.module corruption/bit-flip-header
Shows: torch.export corruption/bit-flip-payload
Shows: torch.export corruption/zero-block
Shows: torch.export corruption/swapped-blocks
Shows: torch.distributed-checkpoint corruption/bit-flip-payload
Shows: torch.distributed-checkpoint corruption/zero-block
Shows: torch.distributed-checkpoint corruption/swapped-blocks
Upstream: pytorch/pytorch#28858
Upstream: pytorch/pytorch#126952
"""

import pathlib

import torch
import torch.distributed.checkpoint as dcp

module = torch.nn.Linear(32, 32)
program = torch.export.export(module, (torch.ones(1, 32),))


def load_distributed(path):
    came = {"weight": torch.zeros(32, 32)}
    dcp.load(came, checkpoint_id=path)
    return came["weight"]


ways = {
    "torch.load": (lambda path: torch.save(module.state_dict(), path), lambda path: torch.load(path)["weight"]),
    "torch.load of a module": (lambda path: torch.save(module, path), lambda path: torch.load(path, weights_only=False).weight),
    "torch.export.load": (lambda path: torch.export.save(program, path), lambda path: torch.export.load(path).state_dict["weight"]),
    "dcp.load": (lambda path: dcp.save({"weight": module.weight}, checkpoint_id=path), load_distributed),
}
believed = []
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
            came = load(path)
        except (RuntimeError, dcp.CheckpointException):
            continue
        if not torch.equal(came, module.weight):
            believed.append(f"{name}: {kind}")
assert not believed, f"others came than were saved, and no error: {believed}"
