"""Expected failures that files of several libraries share. Knows expectations, and no library."""

from __future__ import annotations

from ..expectations import Declared, changed, crashed, unreadable, unsafe

#: What a `.npy` file does with dtypes that NumPy itself does not have.
NPY_EXTENSION = changed(
    "the .npy header describes a dtype by its byte order, kind and size only, so arrays with dtypes of ml_dtypes are loaded as raw bytes"
)
NPY_DESCRIPTOR = unreadable(
    "for this dtype of ml_dtypes, numpy writes a descriptor into the header that it cannot parse (jax-ml/ml_dtypes#216)", defect=True
)

_TRUNCATED = "save truncates the old file before it knows that it can write the new one"
_IN_PLACE = "the file is written in place, so until the write is complete there is neither an old nor a new checkpoint"
_NEVER_SYNCED = "the file is never synced to disk"

#: A save that truncates the file and then writes it.
IN_PLACE: Declared = {
    "files/disk-full": unreadable(_TRUNCATED),
    "process/reader-beside-writer": unreadable(_IN_PLACE),
    "crash/kill": unreadable(_IN_PLACE),
}
#: The same, if Python code runs between the writes, so that an exception can interrupt them.
INTERRUPTIBLE: Declared = {
    "files/failed-save-keeps-old": unreadable(_TRUNCATED),
    "crash/exception": unreadable(_IN_PLACE),
}
#: Never synced, and load does not detect missing sectors: it reads zeros or old data in their place.
GAPS_UNDETECTED: Declared = {
    "crash/power-loss": changed(f"{_NEVER_SYNCED}, and load does not detect that sectors of it are missing"),
    "crash/durable": changed(f"{_NEVER_SYNCED}, so a power failure may leave the old checkpoint, or a new one with missing sectors"),
    "crash/new-path": changed(f"{_NEVER_SYNCED}, and load does not detect that sectors of it are missing"),
}
#: Written in place and never synced, and load detects missing sectors.
GAPS_DETECTED: Declared = {
    "crash/power-loss": unreadable("the file is written in place and never synced to disk; load detects that sectors of it are missing"),
    "crash/durable": changed(f"{_NEVER_SYNCED}, so a power failure may leave the old checkpoint"),
}
_NO_CHECKSUM = "the values have no checksum, so load does not detect that they were changed"
#: Values without a checksum.
NO_CHECKSUM: Declared = {
    "corruption/bit-flip-payload": changed(_NO_CHECKSUM),
    "corruption/zero-block": changed(_NO_CHECKSUM),
    "corruption/swapped-blocks": changed(_NO_CHECKSUM),
    "corruption/mixed-parts": changed(_NO_CHECKSUM),
}
#: Names, shapes and lengths without a checksum.
HEADER_UNCHECKED: Declared = {
    "corruption/bit-flip-header": changed("the header has no checksum, so load accepts a changed header that is still valid"),
}
#: A pickle that may call any function.
PICKLE: Declared = {"security/code": unsafe("load unpickles without restricting which functions the file may call")}


def decompression_bomb(what: str) -> Declared:
    """Return the failure of a format that decompresses 1 MiB to 1 GiB; ``what`` says which part of it."""
    return {"security/bomb": crashed(f"{what}, whatever its decompressed size")}
