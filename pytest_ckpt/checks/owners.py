"""Find the check that a difference belongs to, whichever check saw it."""

from __future__ import annotations

from ..verdicts import Difference

#: The case of `container` for each type, by its name.
_CONTAINERS = {
    "list": "list", "tuple": "tuple", "dict": "dict", "collections.OrderedDict": "ordered-dict",
    "pytest_ckpt.specs.trees.Pair": "namedtuple", "pytest_ckpt.specs.trees.Record": "dataclass",
    "NoneType": "none", "bool": "bool", "int": "int", "float": "float", "str": "str", "bytes": "bytes",
}  # fmt: skip
#: The check for each other aspect; {leaf} is the dtype.
_CHECKS = {
    "dtype": "dtype/{leaf}",
    "values": "bits/{leaf}",
    "nan-payload": "nan-payload/{leaf}",
    "kind": "tensor/class",
    "flags": "tensor/requires-grad",
    "strides": "tensor/strides",
    "order": "keys/order",
    "alias": "alias/same-tensor-twice",
}


def owning_check(difference: Difference) -> str | None:
    """Return the name of the check whose subject is this difference; None if there is no such check.

    The answer depends only on the difference, not on the check that saw it. The check may not
    exist for every backend.
    """
    aspect, leaf = difference.aspect, difference.leaf
    if aspect in ("container", "keys"):
        return f"container/{_CONTAINERS.get(leaf, 'numpy-scalar' if leaf.startswith('numpy.') else '')}"
    if aspect == "shape":
        return f"shape/{_shape_case(difference.expected)}"
    return _CHECKS[aspect].format(leaf=leaf) if aspect in _CHECKS else None


def _shape_case(text: str) -> str:
    """Return the case of the family `shape` for a shape given as text, such as "(2, 3)"."""
    lengths = [int(part) for part in text.strip("()").split(",") if part.strip()]
    if not lengths:
        return "scalar"
    if 0 in lengths:
        return "empty" if len(lengths) == 1 else "zero-size-inside"
    if set(lengths) == {1}:
        return "ones"
    return "high-rank" if len(lengths) > 4 else "plain"
