"""Expected failures of the archives that PyTorch writes, and of state dicts in any format."""

from __future__ import annotations

from ...expectations import Declared, changed, converted, refused
from ..shared_failures import IN_PLACE, INTERRUPTIBLE

_UNCHECKED = (
    "the archive has a checksum for every member, and load does not verify them: this was disabled (pytorch/pytorch#28858), "
    "and users request it (pytorch/pytorch#126952)"
)
_UNSYNCED = changed("the file is never synced to disk, so a power failure may leave the old checkpoint, or a new one with missing sectors")

#: Damage to an archive.
UNCHECKED: Declared = {
    **dict.fromkeys(map("corruption/{}".format, ("bit-flip-payload", "zero-block", "swapped-blocks")), changed(_UNCHECKED, defect=True)),
    "corruption/mixed-parts": changed(
        "each member has a separate checksum, and load verifies nothing that shows which members belong together"
    ),
    "security/overlap": changed("load accepts a directory entry that points to another member, and does not compare the names"),
}
#: An archive in a file that is written in place.
WRITTEN: Declared = {
    **IN_PLACE,
    **UNCHECKED,
    **dict.fromkeys(map("crash/{}".format, ("power-loss", "durable", "new-path")), _UNSYNCED),
    "process/two-writers": changed("both writers write in place, and load does not detect the mixed result"),
}
#: Every file of `torch.save`.
ARCHIVE: Declared = {
    **WRITTEN,
    **INTERRUPTIBLE,
    "corruption/bit-flip-header": changed(_UNCHECKED, defect=True),
    "files/path-dots": refused("the archive is named after the part of the file name before the last dot, which may be empty", defect=True),
}
#: Properties of a model that its state dict does not contain.
STATE: Declared = {
    "model/frozen": converted("a state dict contains values, but not which of them are trainable"),
    "model/mode": converted("a state dict contains values, but not the mode of the model"),
}
#: Values of another dtype in `load_state_dict`.
CAST: Declared = {
    "mismatch/wrong-dtype": changed("load_state_dict copies into the existing tensors, and copying casts"),
}
