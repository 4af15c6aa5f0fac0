"""All checks by name, in a fixed order, and who asks about which aspect. Knows no framework and saves nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..backends import capabilities
from ..expectations import is_pattern, matches
from ..util.suggestions import nearest
from ..verdicts import Difference
from . import alias, container, corruption, crash, files, keys, layout, mismatch, model, process, security, tensor, training, values
from .base import CORE, EXTENDED, Check, FormatProfile, checks_in

CHECKS: dict[str, Check] = {
    check.name: check
    for module in (values, layout, container, keys, tensor, alias, model, mismatch, training, files, process, crash, corruption, security)
    for check in checks_in(module)
}
FAMILIES: tuple[str, ...] = tuple(dict.fromkeys(check.family for check in CHECKS.values()))

#: The families that ask what happens to a checkpoint, be it of a tree or of a model.
SCENARIOS = ("files", "process", "crash", "corruption", "security")


def checks_for(backend: str) -> tuple[Check, ...]:
    """Return the checks whose needs the backend meets, in their fixed order.

    A third-party backend is loaded to find out. One that declares no capabilities gets all checks.
    Raises ValueError for an unknown backend, and ImportError for one that cannot be loaded.
    """
    offered = capabilities(backend)
    return tuple(check for check in CHECKS.values() if check.can_run(offered))


def list_checks(backend: str) -> list[str]:
    """The names of all checks for ``backend``, in their fixed order. Nothing of the framework is imported.

    Raises ValueError for a backend that is not known.
    """
    return [check.name for check in checks_for(backend)]


def check_pattern(name: str) -> None:
    """Raises ValueError, with the nearest name, if ``name`` is no check, no family and no glob that means one."""
    if name == "all" or any(matches(check, name) for check in CHECKS):
        return
    what = "pattern" if is_pattern(name) else "check or family"
    # Where no name is near, all of them would fill a screen.
    near = nearest(name, [*FAMILIES, *CHECKS])
    families = f"the families are: {', '.join(FAMILIES)}; pytest-ckpt list checks has all checks"
    raise ValueError(f"unknown {what} {name!r}: {near if near.startswith('did') else families}")


def select_checks(backend: str, select: str | Iterable[str] | None = None) -> tuple[Check, ...]:
    """The checks of a run: by default the core ones that run in this process, otherwise those that ``select`` names.

    ``select`` holds families, names and globs; one that begins with "-" takes away; "all" is every check. Where all
    entries take away, they take from the core checks. Raises ValueError for a name that means nothing.
    """
    names: Sequence[str] = [select] if isinstance(select, str) else list(select or ())
    for name in names:
        check_pattern(name.removeprefix("-"))
    asked = [name for name in names if not name.startswith("-")]
    dropped = [name.removeprefix("-") for name in names if name.startswith("-")]

    def wanted(check: Check) -> bool:
        if any(matches(check.name, name) for name in dropped):
            return False
        if asked:
            return any(name == "all" or matches(check.name, name) for name in asked)
        return check.level == CORE and not check.apart

    return tuple(check for check in checks_for(backend) if wanted(check))


#: Which case of `container` asks about a container of this type.
_CONTAINERS = {
    "list": "list", "tuple": "tuple", "dict": "dict", "collections.OrderedDict": "ordered-dict",
    "pytest_ckpt.specs.trees.Pair": "namedtuple", "pytest_ckpt.specs.trees.Record": "dataclass",
    "NoneType": "none", "bool": "bool", "int": "int", "float": "float", "str": "str", "bytes": "bytes",
}  # fmt: skip


def owning_check(difference: Difference) -> str | None:
    """The name of the check whose own question a difference is, seen apart from the case in which it was met."""
    aspect, leaf = difference.aspect, difference.leaf
    if aspect in ("container", "keys"):
        case = _CONTAINERS.get(leaf, "numpy-scalar" if leaf.startswith("numpy.") else "")
        return f"container/{case}"
    if aspect == "shape":
        return f"shape/{_shape_case(difference.expected)}"
    names = {
        "dtype": f"dtype/{leaf}",
        "values": f"bits/{leaf}",
        "nan-payload": f"nan-payload/{leaf}",
        "kind": "tensor/class",
        "flags": "tensor/requires-grad",
        "strides": "tensor/strides",
        "order": "keys/order",
        "alias": "alias/same-tensor-twice",
    }
    return names.get(aspect)


def _shape_case(text: str) -> str:
    lengths = [int(part) for part in text.strip("()").split(",") if part.strip()]
    if not lengths:
        return "scalar"
    if 0 in lengths:
        return "empty" if len(lengths) == 1 else "zero-size-inside"
    if set(lengths) == {1}:
        return "ones"
    return "high-rank" if len(lengths) > 4 else "plain"


__all__ = [
    "CHECKS",
    "CORE",
    "EXTENDED",
    "FAMILIES",
    "SCENARIOS",
    "Check",
    "FormatProfile",
    "check_pattern",
    "checks_for",
    "list_checks",
    "owning_check",
    "select_checks",
]  # fmt: skip
