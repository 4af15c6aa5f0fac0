"""Expected failures that formats of JAX share: those of Orbax, and those of conversions to NumPy arrays."""

from __future__ import annotations

from ...expectations import Declared, changed, converted, costly, crashed, refused, unreadable

_STORE = refused("the array store to which Orbax writes has no such dtype")
_NO_ELEMENTS = refused("Orbax rejects arrays without elements")

NO_SHARING = costly("each path gets a separate entry")
NO_MODE = converted("a state contains variables, but not the mode of the module")
SORTED = converted("the keys of dicts are sorted, as in jax.tree.map")

#: Every format that writes with Orbax.
ORBAX: Declared = {
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
    "keys/prefix": changed(
        "paths of keys are joined with dots, so the key 'a.b' and the key 'b' inside 'a' become one entry, and one value is lost",
        defect=True,
    ),
    "alias/file-size-of-alias": NO_SHARING,
    "model/mode": NO_MODE,
    "files/path-glob": unreadable(
        "Orbax uses the path as a glob pattern when it merges the written files, so it merges nothing, and reports this only in a log",
        defect=True,
    ),
    "files/path-relative": refused("the path of a checkpoint must be absolute"),
    "files/deterministic": costly("files in the checkpoint have random names"),
}

KEYS_UNCHECKED = changed(
    "the file that lists the keys has no checksum, and some flipped bits turn one key into another; "
    "which bits the check flips depends on the other files, whose number and sizes differ from save to save",
    flaky=True,
)
DEEP_JSON = crashed("the parser of the file that names the devices ends the process for deeply nested JSON", defect=True)

EMPTY_CONTAINER = refused("Orbax rejects an empty container as the whole tree; inside another container it is restored")
CAST_TO_32_BITS = changed(
    "load creates a JAX array, which silently casts 64 bits to 32 with the default settings (jax-ml/jax#18385)", defect=True
)

PICKLED = unreadable("the array is pickled, and jnp.load raises an error for pickles unless allow_pickle=True")
TYPED_KEYS = refused("numpy cannot convert typed PRNG keys to arrays; JAX tells the user to call jax.random.key_data")
#: Typed PRNG keys, and layers that contain them, in formats that write NumPy arrays.
WITHOUT_TYPED_KEYS: Declared = {
    "tensor/prng-key": TYPED_KEYS,
    **dict.fromkeys(map("model/{}".format, ("dropout", "rnn", "lstm", "gru", "transformer")), TYPED_KEYS),
}
