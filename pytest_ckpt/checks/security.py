"""The family `security`: a hostile file is an error, never an action."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..specs import AttackSweep, Spec
from ..verdicts import Verdict
from .base import Examples, FormatProfile, check
from .process import CONTENT

#: Elements of a tensor: so many that their number, and that of their bytes, is hardly found in a file by chance.
ELEMENTS = 100


def _asks(case: str) -> Callable[[Examples], Any]:
    """What all of these checks have in common: an error is a right answer."""
    return check(
        f"security/{case}", judges=CONTENT, premise=lambda spec: [spec.saved], allows={Verdict.UNREADABLE},
        apart=True, shares="hostile files",
    )  # fmt: skip


def _attacking(case: str, asking: FormatProfile) -> Spec:
    return AttackSweep(f"security/{case}", asking.subject(size=ELEMENTS), asking.subject(2, ELEMENTS))


@_asks("code")
def code(asking: FormatProfile) -> Iterator[Spec]:
    """Loading runs no code that the file brings along or names.

    Each hostile copy would make a folder where none should be, and does nothing else: a pickle in place of each file and of each member
    of an archive or a packed stream, in front of a pickle that is there, for one among other bytes, in an array of objects, in whatever
    holds bytes; JSON that names a module or a function, or holds marshalled code; an expression of Python or a tag of YAML for a text,
    a value or a header. It is kept when loading raises, or returns without that folder.

    Why: a configuration chooses which module is imported and which function is called (io-no/CVE-Reports#2); a safe mode is ignored on
    an older path (keras-team/tf-keras#910), or an archive is handed to a loader that has none (pytorch/pytorch#143326).
    What to do: plain data; where there have to be pickles, an unpickler that knows every name that it admits, on every path.
    """
    yield _attacking("code", asking)


@_asks("escape")
def escape(asking: FormatProfile) -> Iterator[Spec]:
    """Loading reads and writes nothing outside of the checkpoint, whatever names the file has in it.

    Archives have members and links with `..` or an absolute path in their names; texts that name another file of the checkpoint name one
    outside, which holds other values, and so do links and external elements of HDF5. All of these places lie in the test's own folder.
    That a file of a checkpoint is itself a link is no attack, and is not asked.

    Why: members of an archive are unpacked outside of its folder (pytorch/pytorch#171754), and external data is read and overwritten
    where a name with `..` leads (onnx/onnx#6959).
    What to do: take names for names, not for paths; refuse those that are absolute or have `..` in them, and links.
    """
    yield _attacking("escape", asking)


@_asks("bomb")
def bomb(asking: FormatProfile) -> Iterator[Spec]:
    """A small file does not take much memory, much time, or the process.

    Headers, shapes and lengths claim from 192 MiB to 4 EiB of which nothing is there; a MiB of archive holds a GiB of zeros; lists are
    nested 100,000 deep. An error at once is kept, also one for want of memory. A process that dies, hangs for more than 20 s (or the
    format's own limit), runs out of 256 MiB, or takes half of that before it raises, is `CRASHED`.

    Why: the length of a header sizes an allocation (QuintinShaw/openasr#73); a product of dimensions is beyond 64 bits, and becomes a
    small number (ggml-org/llama.cpp#18674).
    What to do: compare every size with the size of the file before anything is allocated, and multiply with a check.
    """
    yield _attacking("bomb", asking)


@_asks("overlap")
def overlap(asking: FormatProfile) -> Iterator[Spec]:
    """A header whose regions contradict each other is an error, or just what was saved comes back.

    Places of tensors and members lie in each other, behind the end of the file or before its beginning; lengths and numbers of elements
    are one more than there are, twice as many, or negative.

    Why: offsets of two tensors overlap and nobody looks (antirez/h3.c#48); an unknown type skips the comparison of offsets, and memory
    is read that is not the file's (kekzl/imp#1603).
    What to do: every byte belongs to one tensor, and every tensor lies in the file; say so before anything is read.
    """
    yield _attacking("overlap", asking)
