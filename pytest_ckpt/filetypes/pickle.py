"""Pickles: where their opcodes lie, and pickles that call what they like when they are read."""

from __future__ import annotations

import pickle
import pickletools
import re
import struct
from collections.abc import Callable, Iterator

from .base import ParseError, Region

#: How a pickle of the protocols since 2 begins, and how many opcodes bytes may look like that are none.
_BEGIN = re.compile(rb"\x80[\x02-\x05]")
_FEW = 3


def opcodes(data: bytes) -> list[tuple[str, object, int]]:
    """Name, argument and place of each opcode of a pickle that is one from beginning to end. Raises NotOne."""
    if data[:1] != b"\x80":
        raise ParseError
    try:
        found = [(opcode.name, argument, place or 0) for opcode, argument, place in pickletools.genops(data)]
    except Exception as error:  # whatever is wrong with it
        raise ParseError from error
    if not found or found[-1][2] + 1 != len(data):
        raise ParseError
    return found


def within(data: bytes) -> Iterator[tuple[int, int]]:
    """Where pickles of more than one value begin and end that stand among other bytes."""
    at = 0
    while (begin := _BEGIN.search(data, at)) is not None:
        at = begin.end()
        try:
            found = [place or 0 for _, _, place in pickletools.genops(data[begin.start() :])]
        except Exception:  # whatever is wrong with it
            continue
        if len(found) > _FEW:
            at = begin.start() + found[-1] + 1
            yield begin.start(), at


def regions(data: bytes) -> Iterator[Region]:
    """Every opcode with its argument. Raises NotOne."""
    found = opcodes(data)
    for (name, _, start), stop in zip(found, [*(place for _, _, place in found[1:]), len(data)], strict=True):
        yield Region(start, stop, f"the opcode {name}")


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _short(value: str) -> bytes:
    data = value.encode()
    return b"\x8c" + bytes([len(data)]) + data


#: How a pickle can call a function with one text: by the name of the way, the opcodes.
CALLS: dict[str, Callable[[str, str, str], bytes]] = {
    "GLOBAL and REDUCE": lambda module, name, text: b"c" + f"{module}\n{name}\n".encode() + _text(text) + b"\x85R",
    "STACK_GLOBAL and REDUCE": lambda module, name, text: _short(module) + _short(name) + b"\x93" + _text(text) + b"\x85R",
    "INST": lambda module, name, text: b"(" + _text(text) + b"i" + f"{module}\n{name}\n".encode(),
    "OBJ": lambda module, name, text: b"(c" + f"{module}\n{name}\n".encode() + _text(text) + b"o",
}


def calling(way: str, module: str, name: str, text: str, protocol: int = 2) -> bytes:
    """A pickle that calls ``module.name(text)`` and is what that returns."""
    protocol = 4 if way.startswith("STACK_GLOBAL") else protocol
    return b"\x80" + bytes([protocol]) + CALLS[way](module, name, text) + b"."


def before(call: bytes, honest: bytes) -> bytes:
    """A pickle that does what ``call`` does, and then is what ``honest`` is."""
    version = max(call[1], honest[1])
    return b"\x80" + bytes([version]) + call[2:-1] + b"0" + honest[2:]


def nested(depth: int) -> bytes:
    """Lists within lists, so deep."""
    return b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."


def dumped(value: object) -> bytes:
    return pickle.dumps(value, protocol=2)
