"""Serialize objects for another process, with cloudpickle. What test modules and `__main__` define is serialized by value."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import Any


class CannotSerialize(Exception):
    """An object cannot be sent to another process. The message gives the reason."""


@dataclasses.dataclass(frozen=True)
class SerializedObject:
    """An object in serialized form: its pickled ``data``, and their ``digest``, by which a worker recognizes the object."""

    digest: bytes
    data: bytes


def serialize(obj: Any, modules: Iterable[str] = ()) -> SerializedObject:
    """Serialize ``obj``. Raise `CannotSerialize` if that is impossible.

    Test modules among ``modules`` are serialized by value, because a worker cannot always import
    them, and importing them could collect their tests again.
    """
    import cloudpickle

    try:
        with _by_value([module for name in modules if _is_test_module(name) and (module := sys.modules.get(name)) is not None]):
            data = cloudpickle.dumps(obj)
    except Exception as error:
        raise CannotSerialize(f"the object cannot be sent to another process: {one_line(error)}") from error
    return SerializedObject(hashlib.sha256(data).digest(), data)


def one_line(error: BaseException) -> str:
    """Return the class and the message of an exception on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


def _is_test_module(name: str) -> bool:
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
