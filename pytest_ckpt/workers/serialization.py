"""How objects travel to another process: by cloudpickle, those of test modules and of `__main__` by value."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any


class CannotSerialize(Exception):
    """An object that cannot be sent to another process; the message says why."""


@dataclasses.dataclass(frozen=True)
class SerializedObject:
    """An object ready to be sent; the ``digest`` of its ``data`` is what a worker knows it by."""

    digest: bytes
    data: bytes


def packed(obj: Any, modules: Iterable[str] = ()) -> SerializedObject:
    """``obj`` as a parcel. Of ``modules`` those that hold tests are sent by value: importing them elsewhere would collect them
    again, or is not possible at all. Raises CannotTravel."""
    import cloudpickle

    try:
        with _by_value([module for name in modules if _holds_tests(name) and (module := sys.modules.get(name)) is not None]):
            data = cloudpickle.dumps(obj)
    except Exception as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        raise CannotSerialize(f"it cannot be sent to another process: {text}") from error
    return SerializedObject(hashlib.sha256(data).digest(), data)


def _holds_tests(name: str) -> bool:
    last = name.rpartition(".")[2]
    return last.startswith("test_") or last.endswith("_test") or last == "conftest"


@contextlib.contextmanager
def _by_value(modules: list[ModuleType]) -> Iterator[None]:
    import cloudpickle

    registered = [module for module in modules if module.__name__ not in cloudpickle.list_registry_pickle_by_value()]
    for module in registered:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in registered:
            cloudpickle.unregister_pickle_by_value(module)
