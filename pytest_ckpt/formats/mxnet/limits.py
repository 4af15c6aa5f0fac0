"""What holds for every file that MXNet writes."""

from __future__ import annotations

from ...expectations import Declared, changed
from ..limits import IN_PLACE, NO_CHECKSUM, UNNOTICED

#: What holds for every file that MXNet writes.
FILE: Declared = {
    **IN_PLACE,
    **UNNOTICED,
    **NO_CHECKSUM,
    "process/two-writers": changed("both write in place, and nothing in the file tells that it is of two"),
}
