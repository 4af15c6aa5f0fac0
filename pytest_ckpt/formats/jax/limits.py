"""What formats of jax's world share: what orbax does not keep, whoever asks it to write, and what NumPy does not know of an array."""

from __future__ import annotations

from ...expectations import Declared, changed, converted, costly, crashed, refused, unreadable

_STORE = refused("the array store that checkpoints are written to has no such dtype")
_NO_ELEMENTS = refused("checkpoints of arrays without elements are refused")

EACH_ITS_OWN = costly("each path has its own entry")
UNMODED = converted("a state holds variables, and not the mode that the module was left in")
SORTED = converted("the keys of dicts are sorted, as jax.tree.map does")

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
    "keys/order": SORTED,
    "keys/prefix": changed("paths are joined with dots, so a.b beside a with a b in it are one entry, and one value is lost", defect=True),
    "alias/file-size-of-alias": EACH_ITS_OWN,
    "model/mode": UNMODED,
    "files/path-glob": unreadable(
        "the path is taken for a pattern when what was written is merged, so nothing is merged, and only a log says so", defect=True
    ),
    "files/path-relative": refused("paths have to be absolute"),
    "files/deterministic": costly("files in the checkpoint have names that are drawn"),
}

KEYS_BELIEVED = changed(
    "the file that says which keys there are has no checksum, and a flip of a few of its bits makes one key of another; "
    "which are flipped depends on the other files, whose number and sizes differ from save to save",
    flaky=True,
)
DEEP_JSON = crashed("the parser of the file that names the devices ends the process at JSON that is nested deep", defect=True)

NO_ITEM = refused("an empty container by itself is nothing to save for orbax; within another one it is kept")
NARROWED = changed(
    "what is read becomes an array of jax, which makes 32 bits of 64 with these settings, and says nothing (jax-ml/jax#18385)", defect=True
)

PICKLED = unreadable("the array is pickled, and jnp.load does not unpickle unless it is told to")
TYPED_KEYS = refused("typed keys of the random generators are no arrays to numpy; jax asks for jax.random.key_data")
#: Typed keys, by themselves and in the layers that have some. What is written are arrays of NumPy.
WITHOUT_TYPED_KEYS: Declared = {
    "tensor/prng-key": TYPED_KEYS,
    **dict.fromkeys(map("model/{}".format, ("dropout", "rnn", "lstm", "gru", "transformer")), TYPED_KEYS),
}
