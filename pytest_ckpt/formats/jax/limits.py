"""What checkpoints do not keep that orbax writes, whoever asks it to."""

from __future__ import annotations

from ...expectations import Declared, changed, converted, costly, refused, unreadable

_STORE = refused("the array store that checkpoints are written to has no such dtype")
_NO_ELEMENTS = refused("checkpoints of arrays without elements are refused")

#: What the array store below orbax does not write, whatever stands around it.
STORED: Declared = {
    "*/int1": _STORE,
    "*/uint1": _STORE,
    "*/uint2": _STORE,
    "*/uint4": _STORE,
    "*/float8_e4m3": _STORE,
    "*/string": _STORE,
    "shape/empty": _NO_ELEMENTS,
    "shape/zero-size-inside": _NO_ELEMENTS,
    "container/bytes": _STORE,
    "container/big-int": _STORE,
    "keys/order": converted("the keys of dicts are sorted, as jax.tree.map does"),
    "keys/prefix": changed("paths are joined with dots, so a.b beside a with a b in it are one entry, and one value is lost", defect=True),
    "alias/file-size-of-alias": costly("each path has its own entry"),
    "model/mode": converted("a state holds variables, and not the mode that the module was left in"),
    "files/path-glob": unreadable("the path is taken for a pattern when it is loaded, and not when it is saved", defect=True),
    "files/path-relative": refused("paths have to be absolute"),
    "files/deterministic": costly("files in the checkpoint have names that are drawn"),
}

NARROWED = changed("what is read becomes an array of jax, which makes 32 bits of 64 with these settings, and says nothing", defect=True)
