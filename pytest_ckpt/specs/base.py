"""`Spec`: the base of all specs, with a repr that evaluates, exact equality, and conversion to JSON.

Equality distinguishes True from 1 and -0.0 from 0.0. Plain Python: a spec describes an object and
never contains it.
"""

from __future__ import annotations

import dataclasses
import math
import struct
from typing import Any, ClassVar

from ..util.renamed import CHECKS, SPECS

#: The largest depth of nested specs. Deeper trees are one `Deep` node.
MAX_DEPTH = 50


def shown(value: Any) -> str:
    """Return Python code that evaluates to ``value``, unlike `repr` also for NaN and infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        sign = "-" if math.copysign(1.0, value) < 0 else ""
        return f"float({sign + ('nan' if math.isnan(value) else 'inf')!r})"
    if isinstance(value, tuple) and type(value) is tuple:
        return "(" + ", ".join(shown(item) for item in value) + ("," if len(value) == 1 else "") + ")"
    return repr(value)


def distinct(value: Any) -> Any:
    """Return a hashable key that is equal for two values only if they are identical in type and bits."""
    if isinstance(value, float):
        return (float, struct.pack("<d", value))
    if isinstance(value, tuple):
        return (tuple, tuple(distinct(item) for item in value))
    if isinstance(value, Spec):
        return value
    return (type(value), value)


class Spec:
    """Base of all specs: frozen dataclasses that can be compared, hashed, printed as Python code and pickled."""

    kinds: ClassVar[dict[str, type[Spec]]] = {}

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        Spec.kinds[cls.__name__] = cls

    def _values(self) -> tuple[Any, ...]:
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and distinct(self._values()) == distinct(other._values())

    def __hash__(self) -> int:
        known: int | None = self.__dict__.get("_hash")
        if known is None:
            known = hash((type(self).__name__, distinct(self._values())))
            object.__setattr__(self, "_hash", known)
        return known

    def __getstate__(self) -> dict[str, Any]:
        # The hash of a str differs in another process.
        return {name: value for name, value in self.__dict__.items() if name != "_hash"}

    def __repr__(self) -> str:
        parts = []
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if field.default is dataclasses.MISSING:
                parts.append(self._shown(field.name, value))
            elif distinct(value) != distinct(field.default):
                parts.append(f"{field.name}={self._shown(field.name, value)}")
        return f"{type(self).__name__}({', '.join(parts)})"

    def _shown(self, name: str, value: Any) -> str:
        return shown(value)


def to_json(value: Any) -> Any:
    """Return ``value``, a spec or a field of one, as JSON data. `from_json` returns an equal value.

    Raises TypeError for any other value.
    """
    if isinstance(value, Spec):
        fields = {
            field.name: to_json(getattr(value, field.name))
            for field in dataclasses.fields(value)  # type: ignore[arg-type]
            if field.default is dataclasses.MISSING or distinct(getattr(value, field.name)) != distinct(field.default)
        }
        return {"spec": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, float):
        return {"float": "-nan" if math.isnan(value) and math.copysign(1.0, value) < 0 else value.hex()}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"a spec contains None, bool, int, float, str, bytes, tuples and specs, not {type(value).__name__}")


def from_json(data: Any) -> Any:
    """Return the spec that `to_json` of this or an earlier version wrote. Raises ValueError for other data."""
    if isinstance(data, list):
        return tuple(from_json(item) for item in data)
    if not isinstance(data, dict):
        return data
    if "float" in data:
        return math.copysign(math.nan, -1.0) if data["float"] == "-nan" else float.fromhex(data["float"])
    if "bytes" in data:
        return bytes.fromhex(data["bytes"])
    name: str = data.get("spec") or ""
    kind = Spec.kinds.get(SPECS.get(name, name))
    if kind is None:
        raise ValueError(f"not a spec: {data!r}; the known specs are {', '.join(sorted(Spec.kinds))}")
    fields = {field: from_json(item) for field, item in data.items() if field != "spec"}
    if "case" in fields:
        fields["case"] = CHECKS.get(fields["case"], fields["case"])
    return kind(**fields)
