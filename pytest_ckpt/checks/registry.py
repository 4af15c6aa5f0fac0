"""All checks by name: the built-in families, and those that other packages add by an entry point."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from types import ModuleType

from ..backends import capabilities
from ..util.entry_points import EntryPointError, entry_points, load_entry_point, record_failure
from . import (
    alias,
    bits,
    container,
    corruption,
    crash,
    dtype,
    files,
    keys,
    layout,
    mismatch,
    model,
    nan_payload,
    process,
    security,
    shape,
    tensor,
    training,
)
from .base import Check

ENTRY_POINTS = "pytest_ckpt.checks"
#: The built-in families, in the order in which they run and are listed.
_FAMILIES = (
    dtype, bits, nan_payload, shape, layout, container, keys, tensor, alias, model, mismatch, training,
    files, process, crash, corruption, security,
)  # fmt: skip
#: The families about what happens to a checkpoint. They check trees and models alike.
SCENARIOS = ("files", "process", "crash", "corruption", "security")


class CheckRegistry(Mapping[str, Check]):
    """A mapping from the name of each check to the check, in a fixed order.

    The checks of entry points come last, in the order of the names of the entry points. They are
    loaded at the first access, not when this module is imported, because their modules import it.
    An entry point that cannot be used is reported by a warning, and its checks are left out; see
    `pytest_ckpt.util.entry_points.load_failures`.
    """

    @functools.cached_property
    def _checks(self) -> dict[str, Check]:
        found = {check.name: check for module in _FAMILIES for check in checks_from(module)}
        origins = dict.fromkeys(found, "pytest-ckpt")
        for name in entry_points(ENTRY_POINTS):
            try:
                added = checks_from(load_entry_point(ENTRY_POINTS, name))
                if duplicates := [check.name for check in added if check.name in found]:
                    raise ValueError(f"the check {duplicates[0]!r} is already defined by {origins[duplicates[0]]}: rename it")
            except EntryPointError:
                continue  # recorded and reported by load_entry_point
            except (TypeError, ValueError) as error:
                record_failure(ENTRY_POINTS, name, str(error))
                continue
            found.update({check.name: check for check in added})
            origins.update({check.name: f"the entry point {name!r}" for check in added})
        return found

    def __getitem__(self, name: str) -> Check:
        return self._checks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._checks)

    def __len__(self) -> int:
        return len(self._checks)

    @property
    def families(self) -> tuple[str, ...]:
        """Return the names of all families, in order."""
        return tuple(dict.fromkeys(check.family for check in self.values()))


CHECKS = CheckRegistry()


def checks_from(source: object) -> list[Check]:
    """Return the checks in ``source``: a `Check`, a list or tuple of them, or a module.

    A module gives the checks, and the lists and tuples of checks, that its variables hold, in the
    order in which they are defined. Raises TypeError for anything else, and ValueError if there
    is no check, or if two checks have the same name.
    """
    if isinstance(source, Check):
        return [source]
    if isinstance(source, list | tuple):
        found = list(source)
        if wrong := [item for item in found if not isinstance(item, Check)]:
            raise TypeError(f"expected checks, got {type(wrong[0]).__name__}: make a check of a function by @pytest_ckpt.checks.check(...)")
    elif isinstance(source, ModuleType):
        found = _checks_in(source)
    else:
        raise TypeError(f"expected a Check, a list or tuple of checks, or a module with checks, got {type(source).__name__}")
    if not found:
        raise ValueError("it has no check: make one of a function by @pytest_ckpt.checks.check(...)")
    names = [check.name for check in found]
    if duplicates := [name for name in names if names.count(name) > 1]:
        raise ValueError(f"it defines the check {duplicates[0]!r} twice")
    return found


def _checks_in(module: ModuleType) -> list[Check]:
    found: dict[int, Check] = {}
    for value in vars(module).values():
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, Check):
                found.setdefault(id(item), item)
    return list(found.values())


def checks_for(backend: str) -> tuple[Check, ...]:
    """Return the checks whose needs the backend meets, in their fixed order.

    For a built-in backend, its framework is not imported. A third-party backend is loaded; if it
    declares no capabilities, it gets all checks. Raises ValueError for an unknown backend, and
    ImportError for one that cannot be loaded.
    """
    offered = capabilities(backend)
    return tuple(check for check in CHECKS.values() if check.can_run(offered))


def list_checks(backend: str) -> list[str]:
    """Return the names of all checks for ``backend``, in their fixed order. See `checks_for`."""
    return [check.name for check in checks_for(backend)]
