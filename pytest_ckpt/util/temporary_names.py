"""Remove from a text what differs from run to run: temporary paths and names, and addresses in memory."""

from __future__ import annotations

import os
import re
import sys
import tempfile

#: What a path may contain: no spaces, no quotes, and nothing that ends a sentence or a bracket.
_PART = r"[^\s/'\",;:)\]>]+"
#: Temporary folders of this package, which may be nested.
_OWN = rf"(?:/{_PART})*/pytest-ckpt-{_PART}"
#: Names of the module `tempfile`, names with the number of a checkpoint, and addresses.
_NAME, _NUMBERED, _ADDRESS = r"\btmp[a-z0-9_]{8}\b", r"\b\d+-checkpoint", r"(?<= at )0x[0-9a-f]+\b"


def without_folders(text: str) -> str:
    """Return a text without the folders of this machine: those of the environment, and temporary ones of this package."""
    return re.sub(_OWN, "<folder>", text.replace(sys.prefix, "<environment>"))


def without_temporary_names(text: str) -> str:
    """Return a text without temporary paths and names of any origin, and without addresses."""
    roots = {tempfile.gettempdir(), os.path.realpath(tempfile.gettempdir()), "/tmp", "/var/tmp", "/dev/shm", "<folder>"}
    places = "|".join(re.escape(root) for root in sorted(roots, key=len, reverse=True))
    text = re.sub(rf"(?<![\w/])(?:{_OWN}|{places})(?![\w-])(?:/{_PART})*", "<path>", without_folders(text))
    text = re.sub(_NUMBERED, "checkpoint", re.sub(_NAME, "<name>", re.sub(_ADDRESS, "0x…", text)))
    return re.sub(r"\bcheckpoint\S+", lambda found: re.sub(r"[0-9a-f]{8,}|\d{3,}", "#", found[0]), text)
