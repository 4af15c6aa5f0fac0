"""Limits that files of many libraries share, each declared with its reason. Knows expectations, and no library."""

from __future__ import annotations

from ..expectations import Declared, changed, crashed, unreadable, unsafe

#: What a `.npy` file does with types that numpy does not have itself.
NPY_EXTENSION = changed("the .npy header describes a type by its byte order, kind and size, so ml_dtypes' types come back as raw bytes")
NPY_DESCRIPTOR = unreadable(
    "ml_dtypes gives this type a descriptor that numpy writes into the header and cannot parse (jax-ml/ml_dtypes#216)", defect=True
)

_EMPTIED = "the file is opened, and so emptied, before anything is known to be well, and nothing of the old one is kept"
_IN_PLACE = "the file is written in place, so until all is written there is neither the old one nor the new one"
_NEVER_SYNCED = "nothing is synced"

#: A save that empties the file and then fills it.
IN_PLACE: Declared = {
    "files/disk-full": unreadable(_EMPTIED),
    "process/reader-beside-writer": unreadable(_IN_PLACE),
    "crash/kill": unreadable(_IN_PLACE),
}
#: The same, where Python is in charge between the writes.
INTERRUPTIBLE: Declared = {
    "files/failed-save-keeps-old": unreadable(_EMPTIED),
    "crash/exception": unreadable(_IN_PLACE),
}
#: Written in place, never synced, and where a part is missing, the rest is read with zeros, or what was there before, in its place.
UNNOTICED: Declared = {
    "crash/power-loss": changed(f"{_NEVER_SYNCED}, and nothing in the file tells that sectors of it are missing"),
    "crash/durable": changed(f"{_NEVER_SYNCED}, so it may be the old checkpoint that is there, or one of which sectors are missing"),
    "crash/new-path": changed(f"{_NEVER_SYNCED}, and nothing in the file tells that sectors of it are missing"),
}
#: Written in place, never synced, and a file of which a part is missing is told from a whole one.
NOTICED: Declared = {
    "crash/power-loss": unreadable(f"{_NEVER_SYNCED}, and the file is written in place; a part that is missing is noticed"),
    "crash/durable": changed(f"{_NEVER_SYNCED}, so after a power failure it may be the old checkpoint that is there"),
}
_NO_CHECKSUM = "the values have no checksum, so whatever lies there is taken for them"
#: Values without a checksum.
NO_CHECKSUM: Declared = {
    "corruption/bit-flip-payload": changed(_NO_CHECKSUM),
    "corruption/zero-block": changed(_NO_CHECKSUM),
    "corruption/swapped-blocks": changed(_NO_CHECKSUM),
    "corruption/mixed-parts": changed(_NO_CHECKSUM),
}
#: Names, shapes and lengths without one.
HEADER_BELIEVED: Declared = {
    "corruption/bit-flip-header": changed("what the header says has no checksum, and is believed where it still makes sense"),
}
#: A pickle that may name any function.
PICKLE: Declared = {"security/code": unsafe("pickles are loaded without a list of what they may name")}


def inflated(what: str) -> Declared:
    """A file of a mebibyte that is read as one of a gibibyte."""
    return {"security/bomb": crashed(f"{what}, however much it inflates to")}
