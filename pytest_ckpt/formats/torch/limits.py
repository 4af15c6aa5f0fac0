"""What holds for the archives that PyTorch writes, and for state dicts, whoever saves them."""

from __future__ import annotations

from ...expectations import Declared, changed, converted, refused
from ..limits import IN_PLACE, INTERRUPTIBLE

_UNCHECKED = (
    "the archive has a checksum of every member, and loading does not look at them: that was switched off (pytorch/pytorch#28858), "
    "and is asked for again (pytorch/pytorch#126952)"
)
_UNSYNCED = changed("nothing is synced, so after a power failure it may be the old checkpoint that is there, or one with sectors missing")

#: What damage does to an archive.
UNCHECKED: Declared = {
    **dict.fromkeys(map("corruption/{}".format, ("bit-flip-payload", "zero-block", "swapped-blocks")), changed(_UNCHECKED, defect=True)),
    "corruption/mixed-parts": changed("each member has a checksum of its own, and nothing that is looked at says which belong together"),
    "security/overlap": changed("an entry of the directory that leads to another member is believed, whatever name stands there"),
}
#: An archive that is a file, written in place.
WRITTEN: Declared = {
    **IN_PLACE,
    **UNCHECKED,
    **dict.fromkeys(map("crash/{}".format, ("power-loss", "durable", "new-path")), _UNSYNCED),
    "process/two-writers": changed("both write in place, and what they leave together is not told from what one has written"),
}
#: What holds for every file of `torch.save`, whatever is in it.
ARCHIVE: Declared = {
    **WRITTEN,
    **INTERRUPTIBLE,
    "corruption/bit-flip-header": changed(_UNCHECKED, defect=True),
    "files/path-dots": refused(
        "the archive is called what stands before the last dot of the file's name, which may be nothing", defect=True
    ),
}
#: What a model's state dict does not have.
STATE: Declared = {
    "model/frozen": converted("a state dict holds values, and not which of them are trained"),
    "model/mode": converted("a state dict holds values, and not the mode that the model was left in"),
}
#: What `load_state_dict` does with values of another type.
CAST: Declared = {
    "mismatch/wrong-dtype": changed("load_state_dict copies into the tensors that are there, and copying casts"),
}
