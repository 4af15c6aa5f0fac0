"""Code as text: a Python expression, a YAML tag, the name of a function, an encoded pickle.

Each creates a folder that should not exist, or imports a module that nothing else imports. For a loader that treats text as text it is
harmless.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal

from ....filetypes import ParseError, json_header, json_text, pickle
from .base import UNWANTED, Attack, Host, Site, aim, put

#: How many values of one text are replaced, and how far into a file the length of a text is searched.
_TRIED, _FAR = 8, 32
_ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
#: A line with a name and a value.
_LINE = re.compile(rb"^([^\n:=]*)([:=] ?)([^\n]+)$", re.MULTILINE)
#: The name of a function in a module.
_FUNCTION = re.compile(r"^([A-Za-z_][\w.]*)([.:])([A-Za-z_]\w*)$")

#: Texts that run code in a loader that evaluates them.
_SAID: dict[str, Callable[[Site], str]] = {
    "an expression of Python": lambda site: f"__import__('os').mkdir({site.canary!r})",
    "a tag of YAML": lambda site: f"!!python/object/apply:os.mkdir [{site.canary!r}]",
}
_LETTERS: dict[str, tuple[Callable[[str], bytes], Callable[[bytes], bytes]]] = {
    "hexadecimal digits": (bytes.fromhex, binascii.hexlify),
    "base64": (lambda text: base64.b64decode(text, validate=True), base64.b64encode),
}


def in_text(host: Host) -> Iterator[Attack]:
    """Yield code in place of a text, and in place of the values on its lines."""
    if not _is_text(host.data):
        return
    lines = list(_LINE.finditer(host.data))[:_TRIED]
    for what in _SAID:
        yield aim(f"{what}, in its place", host, _spoken, what)
        for line in lines:
            yield aim(f"{what} for what follows {line[1].decode()!r}", host, _for_value, host.data, line.span(3), what)


def _spoken(site: Site, what: str) -> bytes:
    return _SAID[what](site).encode()


def _for_value(site: Site, data: bytes, span: tuple[int, int], what: str) -> bytes:
    return data[: span[0]] + _spoken(site, what) + data[span[1] :]


def _is_text(data: bytes) -> bool:
    try:
        return all(line.isprintable() for line in data.decode().expandtabs().splitlines())
    except UnicodeDecodeError:
        return False


def in_header(host: Host) -> Iterator[Attack]:
    """Yield code in place of a text that follows its own length."""
    for at in range(min(_FAR, len(host.data))):
        for width in (8, 4, 2):
            for order in _ORDERS:
                length = int.from_bytes(host.data[at : at + width], order)
                start = at + width
                if 8 <= length <= len(host.data) - start and _is_text(host.data[start : start + length]):
                    way = f"an expression of Python for the {length} letters at byte {start}"
                    yield aim(way, host, _in_header, host.data, at, width, order, start + length)
                    return


def _in_header(site: Site, data: bytes, at: int, width: int, order: Any, stop: int) -> bytes:
    text = _spoken(site, "an expression of Python")
    # Some headers are padded to a multiple of 64 bytes.
    text += b" " * (-(at + width + len(text)) % 64)
    return data[:at] + len(text).to_bytes(width, order) + text + data[stop:]


def in_json(host: Host, document: Any, write: Callable[[Any], bytes]) -> Iterator[Attack]:
    """Yield code in place of strings in JSON, one for each key."""
    found: dict[Any, tuple[tuple[Any, ...], str]] = {}
    for path, value in json_text.nodes(document):
        if isinstance(value, str) and path:
            found.setdefault(path[-1], (path, value))
    for path, value in list(found.values())[:_TRIED]:
        where = f"for the text at {json_text.describe_path(path)}"
        yield aim(f"an expression of Python {where}", host, _in_json, document, path, write)
        if (function := _FUNCTION.match(value)) and hasattr(sys.modules.get(function[1]), function[3]):
            other = json_text.replace(document, path, f"{UNWANTED}{function[2]}main")
            yield put(f"a function of the module {UNWANTED} {where}", host, write, other)
        for letters, (read, _) in _LETTERS.items():
            if _holds_a_pickle(value, read):
                yield aim(f"a pickle in {letters} {where}", host, _pickle_in_letters, document, path, write, letters)


def _in_json(site: Site, document: Any, path: tuple[Any, ...], write: Callable[[Any], bytes]) -> bytes:
    return write(json_text.replace(document, path, _spoken(site, "an expression of Python").decode()))


def _holds_a_pickle(text: str, read: Callable[[str], bytes]) -> bool:
    try:
        return bool(pickle.opcodes(read(text)))
    except (ValueError, ParseError):
        return False


def _pickle_in_letters(site: Site, document: Any, path: tuple[Any, ...], write: Callable[[Any], bytes], letters: str) -> bytes:
    return write(json_text.replace(document, path, _LETTERS[letters][1](_calling(site)).decode()))


def _calling(site: Site) -> bytes:
    return pickle.build_call("GLOBAL and REDUCE", "os", "mkdir", site.canary)


def between(host: Host) -> Iterator[Attack]:
    """Yield a hostile pickle in place of one among other bytes. A length in front of it, or at the end of the file, is corrected."""
    for start, stop in list(pickle.find_pickles(host.data))[:_TRIED]:
        yield aim(f"a pickle that calls os.mkdir for the one at byte {start}", host, _between, host.data, start, stop)


def _between(site: Site, data: bytes, start: int, stop: int) -> bytes:
    made = _calling(site)
    before, after = data[:start], data[stop:]
    for width in (8, 4):
        for order in _ORDERS:
            old, new = (length.to_bytes(width, order) for length in (stop - start, len(made)))
            before = before.removesuffix(old) + new if before.endswith(old) else before
            after = after.removesuffix(old) + new if after.endswith(old) else after
    return before + made + after


def within_json_header(host: Host) -> Iterator[Attack]:
    parts = json_header.parse(host.data)
    yield from in_json(host, parts.header, parts.with_header)


def within_json(host: Host) -> Iterator[Attack]:
    yield from in_json(host, json_text.parse(host.data), json_text.build)
