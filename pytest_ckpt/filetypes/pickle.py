"""Pickles: their opcodes, and pickles that call any function when they are loaded."""

from __future__ import annotations

import pickletools
import re
import struct
from collections.abc import Callable, Iterator

from .base import ParseError, Region

#: The first bytes of a pickle since protocol 2.
_START = re.compile(rb"\x80[\x02-\x05]")
#: Other bytes may look like a pickle of so few opcodes.
_FEW_OPCODES = 3


def opcodes(data: bytes) -> list[tuple[str, object, int]]:
    """Return the name, the argument and the position of each opcode. Raise `ParseError` if the file is not exactly one pickle."""
    if data[:1] != b"\x80":
        raise ParseError
    try:
        found = [(opcode.name, argument, position or 0) for opcode, argument, position in pickletools.genops(data)]
    except Exception as error:  # pickletools raises many types
        raise ParseError from error
    if not found or found[-1][2] + 1 != len(data):
        raise ParseError
    return found


def find_pickles(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield the start and the stop of each pickle among other bytes, except pickles of a single value."""
    position = 0
    while (match := _START.search(data, position)) is not None:
        position = match.end()
        try:
            found = [position or 0 for _, _, position in pickletools.genops(data[match.start() :])]
        except Exception:  # pickletools raises many types
            continue
        if len(found) > _FEW_OPCODES:
            position = match.start() + found[-1] + 1
            yield match.start(), position


def regions(data: bytes) -> Iterator[Region]:
    """Yield every opcode together with its argument."""
    found = opcodes(data)
    for (name, _, start), stop in zip(found, [*(position for _, _, position in found[1:]), len(data)], strict=True):
        yield Region(start, stop, f"the opcode {name}")


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _short(value: str) -> bytes:
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


#: The ways in which a pickle can call a function with one string: by name, a function that returns the opcodes.
CALLS: dict[str, Callable[[str, str, str], bytes]] = {
    "GLOBAL and REDUCE": lambda module, name, text: b"c" + f"{module}\n{name}\n".encode() + _text(text) + b"\x85R",
    "STACK_GLOBAL and REDUCE": lambda module, name, text: _short(module) + _short(name) + b"\x93" + _text(text) + b"\x85R",
    "INST": lambda module, name, text: b"(" + _text(text) + b"i" + f"{module}\n{name}\n".encode(),
    "OBJ": lambda module, name, text: b"(c" + f"{module}\n{name}\n".encode() + _text(text) + b"o",
}


def build_call(way: str, module: str, name: str, text: str, protocol: int = 2) -> bytes:
    """Return a pickle that calls ``module.name(text)`` in one of the ways `CALLS`, and loads as the result."""
    protocol = 4 if way.startswith("STACK_GLOBAL") else protocol
    return b"\x80" + bytes([protocol]) + CALLS[way](module, name, text) + b"."


def prepend_call(call: bytes, benign: bytes) -> bytes:
    """Return a pickle that makes the call of one pickle, and loads as the value of another."""
    version = max(call[1], benign[1])
    return b"\x80" + bytes([version]) + call[2:-1] + b"0" + benign[2:]


def nested(depth: int) -> bytes:
    """Return a pickle of lists that are nested ``depth`` times."""
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."
