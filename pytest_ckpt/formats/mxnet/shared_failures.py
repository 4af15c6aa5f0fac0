"""Expected failures of every file that MXNet writes."""

from __future__ import annotations

from ...expectations import Declared, changed
from ..shared_failures import GAPS_UNDETECTED, IN_PLACE, NO_CHECKSUM

#: Every file that MXNet writes.
FILE: Declared = {
    **IN_PLACE,
    **GAPS_UNDETECTED,
    **NO_CHECKSUM,
    "process/two-writers": changed("both writers write in place, and the file does not show that two writers mixed it"),
}
