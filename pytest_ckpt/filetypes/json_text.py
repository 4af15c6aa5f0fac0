"""Files of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .base import ParseError, Region


def parsed(data: bytes) -> Any:
    """What a whole file of JSON says. Raises NotOne where it is none, or only a number or text."""
    if data[:1] not in (b"{", b"[") and data.strip()[:1] not in (b"{", b"["):
        raise ParseError
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise ParseError from None
    if not isinstance(said, dict | list):
        raise ParseError
    return said


def regions(data: bytes) -> Iterator[Region]:
    """The whole of it. Raises NotOne."""
    parsed(data)
    yield Region(0, len(data), "the JSON")


def nodes(said: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every value in a JSON document, with the keys that lead to it; parents first."""
    yield path, said
    for key, value in said.items() if isinstance(said, dict) else enumerate(said) if isinstance(said, list) else ():
        yield from nodes(value, (*path, key))


def at(said: Any, path: tuple[Any, ...]) -> Any:
    """The value in one place."""
    for key in path:
        said = said[key]
    return said


def shown(path: tuple[Any, ...]) -> str:
    return "/".join(map(str, path)) or "the top"


def replaced(said: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value in one place."""
    if not path:
        return value
    key = path[0]
    if isinstance(said, dict):
        return {**said, key: replaced(said[key], path[1:], value)}
    return [replaced(each, path[1:], value) if place == key else each for place, each in enumerate(said)]


def written(said: Any) -> bytes:
    return json.dumps(said).encode()
