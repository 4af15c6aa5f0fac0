"""The family `security`: loading a hostile file raises, and has no effect."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..specs import AttackSweep, Spec
from ..verdicts import Verdict
from .base import MODEL, TREE, Examples, check
from .process import CONTENT
from .profile import FormatProfile

#: Elements of a tensor. This number, and the number of their bytes, rarely occurs in a file by chance.
_SIZE = 100


def _security(case: str) -> Callable[[Examples], Any]:
    """Make a check: an error of `load` is correct."""
    return check(
        f"security/{case}", judges=CONTENT, premise=lambda spec: [spec.saved], allows={Verdict.UNREADABLE}, needs_worker=True,
        share_of="hostile files", subjects={TREE, MODEL},
    )  # fmt: skip


def _sweep(case: str, profile: FormatProfile) -> Spec:
    return AttackSweep(f"security/{case}", profile.subject(size=_SIZE), profile.subject(2, _SIZE))


@_security("code")
def code(profile: FormatProfile) -> Iterator[Spec]:
    """Loading runs no code that the file contains or names.

    The code in each hostile copy would create a folder in the test's own directory, and do nothing
    else. It is a pickle in place of each file and each member of an archive or packed stream, at
    the start of an existing pickle, in an array of objects, or in any field that holds bytes. Or it
    is JSON that names a module or a function, or holds marshalled code; or a Python expression or a
    YAML tag in place of a text, a value or a header. The check passes if `load` raises, or returns
    without creating the folder.

    Why: a configuration selects which module is imported and which function is called
    (io-no/CVE-Reports#2); an older code path ignores the safe mode (keras-team/tf-keras#910), or an
    archive is passed to a loader that has none (pytorch/pytorch#143326).
    What to do: store plain data. If pickles are necessary, use an unpickler that accepts only a
    list of known names, on every code path.
    """
    yield _sweep("code", profile)


@_security("escape")
def escape(profile: FormatProfile) -> Iterator[Spec]:
    """Loading reads and writes nothing outside the checkpoint, whatever names the file contains.

    Archives get members and links with ".." or an absolute path as their name. A stored name of
    another file of the checkpoint, a link, or an external element of HDF5 points to a file outside
    the checkpoint, which holds other values. All these places are in the folder of the test. A file
    of the checkpoint that is itself a link is not an attack, and is not checked.

    Why: members of an archive are extracted outside its folder (pytorch/pytorch#171754), and
    external data is read or overwritten at a path with ".." (onnx/onnx#6959).
    What to do: treat names as names, not as paths. Raise for an absolute name, a name with "..",
    and a link.
    """
    yield _sweep("escape", profile)


@_security("bomb")
def bomb(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a small file does not use much memory or time, and does not crash the process.

    Headers, shapes and lengths claim between 192 MiB and 4 EiB that do not exist; a MiB of archive
    holds a GiB of zeros; lists are nested 100,000 levels deep. An immediate error is correct, also
    a MemoryError. A process that crashes, takes longer than 20 s (or the time limit of the format),
    runs out of 256 MiB, or uses half of that before it raises, is CRASHED.

    Why: a length in the header determines an allocation (QuintinShaw/openasr#73); a product of
    dimensions exceeds 64 bits and becomes a small number (ggml-org/llama.cpp#18674).
    What to do: compare every length with the size of the file before you allocate memory, and check
    multiplications for overflow.
    """
    yield _sweep("bomb", profile)


@_security("overlap")
def overlap(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a file whose header contradicts itself raises, or returns exactly what was saved.

    Tensors and members overlap, or are located after the end of the file or before its start. Lengths and
    numbers of elements are one too many, twice as many, or negative.

    Why: the offsets of two tensors overlap and are not compared (antirez/h3.c#48); an unknown type
    skips the comparison of offsets, and memory outside the file is read (kekzl/imp#1603).
    What to do: before you read any tensor, check that every byte belongs to one tensor, and every
    tensor is inside the file.
    """
    yield _sweep("overlap", profile)
