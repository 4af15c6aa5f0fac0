"""What holds for the archives that PyTorch writes, and for state dicts, whoever saves them."""

from __future__ import annotations

from ...expectations import Declared, changed, converted, refused
from ..limits import IN_PLACE, INTERRUPTIBLE

_UNCHECKED = "the archive has a checksum of every member, and loading does not look at them (pytorch/pytorch#28858)"
_UNSYNCED = "nothing is synced, and the checksums of the archive, which would tell that sectors are missing, are not looked at"

#: What damage does to an archive.
UNCHECKED: Declared = {
    **dict.fromkeys(map("corruption/{}".format, ("bit-flip-payload", "zero-block", "swapped-blocks")), changed(_UNCHECKED, defect=True)),
    "corruption/mixed-parts": changed("each member has a checksum of its own, and nothing that is looked at says which belong together"),
    "security/overlap": changed(
        "an entry of the directory that leads to another member is believed, whatever name stands there", defect=True
    ),
}
#: An archive that is a file, written in place.
WRITTEN: Declared = {
    **IN_PLACE,
    **UNCHECKED,
    **dict.fromkeys(map("crash/{}".format, ("power-loss", "durable", "new-path")), changed(_UNSYNCED, defect=True)),
    "process/two-writers": changed("both write in place, and the checksums of the archive are not looked at", defect=True),
}
#: What holds for every file of `torch.save`, whatever is in it.
ARCHIVE: Declared = {
    **WRITTEN,
    **INTERRUPTIBLE,
    "corruption/bit-flip-header": changed(
        "the pickle that says which storage is whose has a checksum, and loading does not look at it", defect=True
    ),
    "files/path-dots": refused("a name that begins with a dot is an invalid file name to the writer of the archive", defect=True),
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
