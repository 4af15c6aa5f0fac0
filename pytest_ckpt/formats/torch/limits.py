"""What holds for the archives of `torch.save`, whatever is in them."""

from __future__ import annotations

from ...expectations import Declared, changed, refused
from ..limits import HEADER_BELIEVED, IN_PLACE, INTERRUPTIBLE, NO_CHECKSUM, UNNOTICED

#: What holds for the archive, whatever is in it. Its checksums are written, and not looked at (pytorch/pytorch#28858).
ARCHIVE: Declared = {
    **IN_PLACE,
    **INTERRUPTIBLE,
    **UNNOTICED,
    **NO_CHECKSUM,
    **HEADER_BELIEVED,
    "files/path-dots": refused("a name that begins with a dot is an invalid file name to the writer of the archive", defect=True),
    "process/two-writers": changed("both write in place, and the checksums of the archive are not looked at", defect=True),
    "security/overlap": changed("an entry of the directory that leads to the storage of another tensor is believed", defect=True),
}
