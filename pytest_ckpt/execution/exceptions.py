"""Describe an exception of the user's functions: its message, its causes, and the line of the user's own code.

Everything is text, so that a worker can send it. Files keep their absolute names here; `messages` shortens them.
"""

from __future__ import annotations

import linecache
import pathlib
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType

from ..verdicts import Place, Raised

#: The number of characters of an exception that a sentence, and the lines below it, show.
SENTENCE, MESSAGE = 200, 1600
#: The number of lines that are shown of the head and of the tail of a message.
_LINES = 6
#: The number of causes, and the number of characters of a traceback, that are shown.
_CAUSES, _TRACEBACK = 5, 20_000
#: Colour codes, which some frameworks write into their messages.
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
#: The name that cloudpickle gives the file of a function that it sends by value.
_SENT_BY_VALUE = "<dynamic-code>"
_PACKAGE = pathlib.Path(__file__).parent.parent
#: Functions of this package that a user may test: they count as the user's own code.
_FORMATS = str(_PACKAGE / "formats")
#: Sources of Cython. Frames of a compiled module name them by a path of the machine that built it.
_COMPILED = (".pyx", ".pxi", ".pxd")
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})


def sentence(error: BaseException, rename: Callable[[str], str] = str) -> str:
    """Return an exception and the cause at the end of its chain, as one line. ``rename`` replaces names of temporary files."""
    text = _one_line(error, rename)
    short = shortened(text, SENTENCE)
    if len(text) > SENTENCE and (inner := _inner_error(rename(_text(error)))):
        short = f"{text[: SENTENCE // 2].rstrip()} … {shortened(inner, SENTENCE)}"
    chain = [each for each, _ in _chain(error)]
    if not chain or (root := _one_line(chain[-1], rename)) in text:
        return short
    return f"{short} (caused by {shortened(root, SENTENCE // 2)})"


def raised(error: BaseException, rename: Callable[[str], str] = str) -> Raised:
    """Return where an exception was raised, why, and its traceback."""
    text = rename(_text(error))
    causes = tuple(
        (f"{how} {shortened(_one_line(each, rename), 2 * SENTENCE)}", _places(each.__traceback__))
        for each, how in list(_chain(error))[:_CAUSES]
    )
    long = len(" ".join(text.split())) > SENTENCE
    return Raised(_some_lines(text) if long else "", _places(error.__traceback__), causes, _traceback(error, rename))


def shortened(text: str, limit: int) -> str:
    """Return a text without its middle if it is too long. Libraries often name the reason at the end."""
    if len(text) <= limit:
        return text
    tail = limit * 2 // 5
    return f"{text[: limit - tail].rstrip()} … {text[-tail:].lstrip()}"


def _inner_error(text: str) -> str:
    """Return the last line of a long message that itself states an error, or an empty text."""
    stated = [line.strip() for line in text.splitlines()[1:] if re.search(r"\w ?[Ee]rror: \S", line)]
    return " ".join(stated[-1].split()) if stated else ""


def _some_lines(text: str) -> str:
    """Return the first and the last lines of a message, and the head and the tail of each."""
    lines = [shortened(line.strip(), MESSAGE // 2) for line in text.splitlines() if line.strip()]
    if len(lines) > 2 * _LINES:
        lines[_LINES:-_LINES] = [f"… ({len(lines) - 2 * _LINES} more lines)"]
    return shortened("\n".join(lines), MESSAGE)


def _one_line(error: BaseException, rename: Callable[[str], str]) -> str:
    return " ".join(rename(_text(error)).split())


def _text(error: BaseException) -> str:
    """Return class, message and notes of an exception, and those of the exceptions in a group."""
    try:
        message = str(error)
    except Exception as failure:  # a message that cannot be formatted must not hide the exception
        message = f"(its message cannot be shown: {type(failure).__name__})"
    name = type(error).__name__
    lines = [f"{name}: {message}" if message else f"{name}()", *map(str, getattr(error, "__notes__", ()))]
    if isinstance(error, BaseExceptionGroup):
        lines += [_text(each) for each in error.exceptions]
    return _ESCAPES.sub("", "\n".join(lines))


def _chain(error: BaseException) -> Iterator[tuple[BaseException, str]]:
    """Yield the causes of an exception, the nearest first, each with the words that lead to it."""
    seen = {id(error)}
    current: BaseException | None = error
    while current is not None:
        explicit, implicit = current.__cause__, None if current.__suppress_context__ else current.__context__
        how = "caused by" if explicit is not None else "raised while handling"
        current = explicit if explicit is not None else implicit
        if current is None or id(current) in seen:
            return
        seen.add(id(current))
        yield current, how


def _file(frame: FrameType) -> str:
    """Return the file of a frame. In a function that was sent by value to a worker, only its globals name the file."""
    file = frame.f_code.co_filename
    return str(frame.f_globals.get("__file__") or file) if file == _SENT_BY_VALUE else file


def _frames(trace: TracebackType | None) -> list[Place]:
    """Return the places of a traceback, the outermost first, without those of this package."""
    found = []
    for frame, line in traceback.walk_tb(trace):
        file = _file(frame)
        if not _is_own(file):
            code = shortened(linecache.getline(file, line, frame.f_globals).strip(), 120)
            found.append(Place(file, _short(file), line, frame.f_code.co_name, code))
    return found


def _places(trace: TracebackType | None) -> tuple[Place, ...]:
    """Return the last place in the user's own code, and the place in a library that it led to.

    If the function belongs to a library, the places are those where it was entered and where it raised.
    """
    frames = _frames(trace)
    if not frames:
        return ()
    own = [place for place in frames if not _is_library(place.file)]
    first = own[-1] if own else frames[0]
    return (first,) if frames[-1] is first else (first, frames[-1])


def _is_own(file: str) -> bool:
    """Return whether a file belongs to this package and not to a format."""
    return file.startswith(str(_PACKAGE)) and not file.startswith(_FORMATS)


def _is_library(file: str) -> bool:
    """Return whether a file is installed code, and not the user's own."""
    return (
        file.startswith("<frozen")
        or "site-packages" in file
        or "dist-packages" in file
        or file.startswith(_LIBRARIES)
        or file.endswith(_COMPILED)
    )


def _short(file: str) -> str:
    """Return the name of a file below the folder from which it is imported."""
    if not pathlib.PurePath(file).is_absolute():
        return file
    folders = [*sys.path, *_LIBRARIES]
    below = [file[len(folder.rstrip("/")) + 1 :] for folder in folders if folder and file.startswith(folder.rstrip("/") + "/")]
    return min(below, key=len, default=file)


def _traceback(error: BaseException, rename: Callable[[str], str]) -> str:
    """Return the traceback as Python prints it, from the user's function on."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None and _is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    try:
        described = traceback.TracebackException(type(error), error, trace, lookup_lines=False)
        _name_files(described, error, trace)
        text = "".join(described.format())
    except Exception as failure:
        return f"the traceback cannot be shown: {type(failure).__name__}: {failure}"
    return shortened(rename(_ESCAPES.sub("", text)).rstrip(), _TRACEBACK)


def _name_files(described: traceback.TracebackException, error: BaseException, trace: TracebackType | None) -> None:
    """Give the frames of functions that were sent by value the names of their files, in the whole chain."""
    for summary, (frame, _) in zip(described.stack, traceback.walk_tb(trace), strict=False):
        summary.filename = _file(frame)
    for name in ("__cause__", "__context__"):
        inner, exception = getattr(described, name), getattr(error, name)
        if inner is not None and exception is not None:
            _name_files(inner, exception, exception.__traceback__)
