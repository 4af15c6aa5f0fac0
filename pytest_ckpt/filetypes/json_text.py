"""JSON files, and operations on JSON documents. A path in a document is the tuple of the keys and indices that lead to a value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .base import ParseError, Region


def parse(data: bytes) -> Any:
    """Return the document in a file. Raise `ParseError` if the file is not a JSON object or array."""
    if data[:1] not in (b"{", b"[") and data.strip()[:1] not in (b"{", b"["):
        raise ParseError
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise ParseError from None
    if not isinstance(document, dict | list):
        raise ParseError
    return document


def regions(data: bytes) -> Iterator[Region]:
    """Yield the whole file as one region."""
    parse(data)
    yield Region(0, len(data), "the JSON")


def nodes(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the path and the value of every node of a document, parents before their children."""
    yield path, document
    children = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    for key, value in children:
        yield from nodes(value, (*path, key))


def value_at(document: Any, path: tuple[Any, ...]) -> Any:
    """Return the value at a path."""
    for key in path:
        document = document[key]
    return document


def describe_path(path: tuple[Any, ...]) -> str:
    """Return a path as text for messages."""
    return "/".join(map(str, path)) or "the top"


def replace(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document with another value at a path."""
    if not path:
        return value
    key = path[0]
    if isinstance(document, dict):
        return {**document, key: replace(document[key], path[1:], value)}
    return [replace(each, path[1:], value) if index == key else each for index, each in enumerate(document)]


def build(document: Any) -> bytes:
    """Return a file that holds a document."""
    return json.dumps(document).encode()
