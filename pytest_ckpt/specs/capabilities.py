"""What a backend can build: `Capabilities`, derived from the tables of this package for the built-in backends.

Plain Python: the capabilities of a built-in backend are known without importing its framework.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping

from ..util.suggestions import nearest
from .dtypes import DTYPES, JAX, MXNET, NUMPY, TENSORFLOW, TORCH
from .layers import LAYERS
from .layouts import LAYOUTS
from .tensors import TRAITS
from .training import OPTIMIZERS, SCHEDULES

#: Everything else that checks distinguish, and which built-in backends have it.
FEATURES: dict[str, tuple[str, ...]] = {
    # It builds models, or training runs.
    "models": (TORCH, TENSORFLOW, JAX, MXNET),
    "training": (TORCH, TENSORFLOW, JAX, MXNET),
    # It shows whether two leaves are the same tensor. Otherwise tensors are immutable, and it makes no difference.
    "aliases": (NUMPY, TORCH, TENSORFLOW, MXNET),
    # A slice of a tensor shares memory with it. Where it does not, only variables (the trait "parameter") are mutable.
    "views": (NUMPY, TORCH, MXNET),
    # A tensor has a memory format, such as channels last, that operations preserve.
    "memory-formats": (TORCH,),
    # 64-bit types can be switched off.
    "64-bit-switch": (JAX,),
    # A parameter stores whether it is trained; a model stores whether it is in training mode.
    "frozen-layers": (TORCH, TENSORFLOW, MXNET),
    "training-mode": (TORCH, JAX),
    # The state of the generator that dropout uses can be saved.
    "dropout-state": (TORCH, TENSORFLOW, JAX),
    # Training runs have moving averages of the weights, dynamic loss scaling, groups of parameters.
    "averaged-weights": (TORCH, TENSORFLOW, JAX),
    "loss-scaling": (TORCH, TENSORFLOW, JAX),
    "parameter-groups": (TORCH, JAX, MXNET),
}


#: For each field of `Capabilities`, the table that its names come from.
_TABLES: dict[str, Mapping[str, object]] = {
    "dtypes": DTYPES,
    "layouts": LAYOUTS,
    "traits": TRAITS,
    "layers": LAYERS,
    "optimizers": OPTIMIZERS,
    "schedules": SCHEDULES,
    "features": FEATURES,
}


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """The names of everything that a backend can build, in some version and on some machine.

    Each field holds names of one table: `DTYPES`, `LAYOUTS`, `TRAITS`, `LAYERS`, `OPTIMIZERS`,
    `SCHEDULES` and `FEATURES`. Every backend can build the layout "c". A check whose needs are not
    met is not run on the backend. What only the installed version or this machine lacks does not
    belong here: the backend raises CannotBuild for it, and the example is skipped.

    Raises ValueError for a name that is not in the table.
    """

    dtypes: frozenset[str] = frozenset()
    layouts: frozenset[str] = frozenset({"c"})
    traits: frozenset[str] = frozenset()
    layers: frozenset[str] = frozenset()
    optimizers: frozenset[str] = frozenset()
    schedules: frozenset[str] = frozenset()
    features: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for field in _TABLES:
            object.__setattr__(self, field, frozenset(getattr(self, field)))
            for name in sorted(getattr(self, field)):
                _check_name(field, name)


def _check_name(field: str, name: str) -> None:
    if name not in _TABLES[field]:
        raise ValueError(f"unknown name {name!r} in {field}: {nearest(name, _TABLES[field])}")


#: What a third-party backend is checked for that declares no capabilities.
EVERYTHING = Capabilities(**{field: frozenset(table) for field, table in _TABLES.items()})


@functools.cache
def capabilities_of(backend: str) -> Capabilities:
    """Return the capabilities of a built-in backend, from the tables.

    A third-party backend that builds the same objects can declare
    ``capabilities = capabilities_of("torch")``, or a changed copy of it, by `dataclasses.replace`.
    Raises ValueError for the name of any other backend.
    """
    if backend not in (NUMPY, TORCH, TENSORFLOW, JAX, MXNET):
        raise ValueError(f"the tables have no backend {backend!r}: {nearest(backend, (NUMPY, TORCH, TENSORFLOW, JAX, MXNET))}")
    return Capabilities(
        dtypes=frozenset(name for name, row in DTYPES.items() if backend in row.backends),
        layouts=frozenset(name for name, layout in LAYOUTS.items() if name == "c" or backend in layout.backends),
        traits=frozenset(name for name, backends in TRAITS.items() if backend in backends),
        layers=frozenset(name for name, kind in LAYERS.items() if backend in kind.backends),
        optimizers=frozenset(name for name, backends in OPTIMIZERS.items() if backend in backends),
        schedules=frozenset(name for name, backends in SCHEDULES.items() if backend in backends),
        features=frozenset(name for name, backends in FEATURES.items() if backend in backends),
    )


@dataclasses.dataclass(frozen=True)
class Need:
    """A requirement on a backend: its ``field`` of `Capabilities` holds at least one of ``names``.

    Raises ValueError for an unknown field or name.
    """

    field: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.field not in _TABLES:
            raise ValueError(f"unknown field of Capabilities {self.field!r}: {nearest(self.field, _TABLES)}")
        for name in self.names:
            _check_name(self.field, name)

    def is_met_by(self, capabilities: Capabilities) -> bool:
        """Return whether a backend with these capabilities meets the requirement."""
        offered: frozenset[str] = getattr(capabilities, self.field)
        return not offered.isdisjoint(self.names)


def needs_of(needs: Mapping[str, str | Iterable[str]]) -> tuple[Need, ...]:
    """Return the requirements written as ``{"layers": "lstm", "layouts": ("fortran", "transposed")}``.

    All fields must be met, each by any one of its names.
    """
    return tuple(Need(field, (names,) if isinstance(names, str) else tuple(names)) for field, names in needs.items())
