"""The family `corruption`: a damaged file is an error, never wrong data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..specs import DamageSweep, Spec
from ..verdicts import Verdict
from .base import Examples, FormatProfile, check
from .process import CONTENT

#: Elements of a tensor where whole blocks of 512 bytes are lost: four to a tensor.
BLOCKS = 512
#: Elements of a tensor that is longer than what anybody takes for the beginning of a file.
LONG = 1 << 14


def _asks(case: str, copies: str) -> Callable[[Examples], Any]:
    """What all of these checks have in common: an error is a right answer, and so are the right values."""
    return check(
        f"corruption/{case}", judges=CONTENT, premise=lambda spec: [spec.saved], allows={Verdict.UNREADABLE},
        apart=True, shares=copies,
    )  # fmt: skip


@_asks("truncate", "copies that end too early")
def truncate(asking: FormatProfile) -> Iterator[Spec]:
    """A file that ends too early is an error, or all that was saved comes back.

    Each copy is cut off at one place: where a structure or a tensor begins or ends, one byte beside that, in between, at a sector,
    or a few bytes before the end.

    Why: a copy or a download breaks off, or a process is killed while it writes (petuum/adaptdl#70); the rest is filled with zeros,
    or whatever was in memory, or a size is read from what is no size (pytorch/pytorch#38643).
    What to do: write the length, and check it before anything is read; raise where fewer bytes come than were asked for.
    """
    yield DamageSweep("corruption/truncate", asking.subject())


@_asks("bit-flip-header", "copies with a flipped bit")
def bit_flip_header(asking: FormatProfile) -> Iterator[Spec]:
    """A flipped bit in whatever is not the values (headers, names, directories, trailers) is an error, or all comes back.

    Each copy has one bit flipped: every bit in turn of a small header; otherwise bits spread over all files and all structures that can
    be told apart.

    Why: shapes, types, names and offsets are believed without a checksum (pytorch/pytorch#28858); a size that was flipped is
    believed as well (pytorch/pytorch#38643).
    What to do: a checksum over the header, compared before it is used.
    """
    yield DamageSweep("corruption/bit-flip-header", asking.subject())


@_asks("bit-flip-payload", "copies with a flipped bit")
def bit_flip_payload(asking: FormatProfile) -> Iterator[Spec]:
    """A flipped bit in the bytes of the values is an error.

    Each copy has one bit flipped where the bytes of the saved tensors stand in the files; where these are compressed, in the
    largest compressed members. Asked of some bytes, and of more than 100,000. The result says which share went unseen.

    Why: no checksum is written, or one is written and not looked at when loading (pytorch/pytorch#28858).
    What to do: a checksum over the values, compared when they are loaded.
    """
    yield DamageSweep("corruption/bit-flip-payload", asking.subject())
    yield DamageSweep("corruption/bit-flip-payload", asking.subject(size=LONG))


@_asks("zero-block", "copies with zeros in them")
def zero_block(asking: FormatProfile) -> Iterator[Spec]:
    """A block that is full of zeros is an error, or all comes back.

    Each copy has one block zeroed (512 bytes, less in small files), or everything from a block on, or a whole tensor.

    Why: after a crash file systems give zeros for blocks that were never written, and sparse copies lose blocks (petuum/adaptdl#70);
    zeros are valid numbers, so nobody sees it (pytorch/pytorch#28858).
    What to do: a checksum over everything, compared when it is loaded.
    """
    yield DamageSweep("corruption/zero-block", asking.subject(size=BLOCKS))


@_asks("swapped-blocks", "copies with exchanged blocks")
def swapped_blocks(asking: FormatProfile) -> Iterator[Spec]:
    """Two blocks that stand in each other's place are an error, or all comes back.

    Each copy has two blocks of one length exchanged: neighbours, blocks half a file apart, or two tensors.

    Why: parts that are uploaded or written side by side land in the wrong order; sums that do not depend on the order do not see it, and
    checksums that are not looked at do not either (pytorch/pytorch#28858).
    What to do: a checksum that depends on the order, over everything.
    """
    yield DamageSweep("corruption/swapped-blocks", asking.subject(size=BLOCKS))


@_asks("appended", "copies with bytes behind the end")
def appended(asking: FormatProfile) -> Iterator[Spec]:
    """More bytes at the end of a file are an error, or just what was saved comes back.

    Each copy of a file has zeros, noise, or its own bytes once more behind its end.

    Why: trailing bytes are legal to one loader and an error to another (Comfy-Org/ComfyUI#15602), or are read as if they were
    a file of their own (ollama/ollama#8456).
    What to do: say in the header how long the file is; take nothing for data that the header does not name.
    """
    yield DamageSweep("corruption/appended", asking.subject())


@_asks("empty", "copies with an empty file")
def empty(asking: FormatProfile) -> Iterator[Spec]:
    """An empty file in place of any of the checkpoint's files is an error, or all comes back.

    Why: a disk that is full, or a crash between creating a file and writing it, leaves files without a byte (petuum/adaptdl#70).
    What to do: an empty file is no checkpoint; raise, and say which file it is.
    """
    yield DamageSweep("corruption/empty", asking.subject())


@_asks("missing-part", "copies without a part")
def missing_part(asking: FormatProfile) -> Iterator[Spec]:
    """A checkpoint without one of its files, folders or members is an error, or all comes back.

    Each is left out in turn, also the only one: where nothing stands, there is nothing to load.

    Why: an index names fewer or other shards than there are, and those that are there are loaded (Blaizzy/mlx-vlm#1827); a listing that
    finds nothing is read as an empty array, full of the fill value (zarr-developers/VirtualiZarr#1069).
    What to do: write down which parts there are, and raise where one of them is not.
    """
    yield DamageSweep("corruption/missing-part", asking.subject())


@_asks("mixed-parts", "copies with a part of another checkpoint")
def mixed_parts(asking: FormatProfile) -> Iterator[Spec]:
    """Parts of two checkpoints are an error, or the whole of one of them comes back.

    Both have the same structure and other values. Each copy has one file, or one member of an archive, of the other checkpoint; or it is
    the other one from some byte on, as when it is written over in place and that breaks off.

    Why: a new description is loaded with an old folder of variables (keras-team/keras#4875); two processes write to one path
    (pytorch/pytorch#38643).
    What to do: give every save an identity, or a checksum over all parts, and compare it.
    """
    yield DamageSweep("corruption/mixed-parts", asking.subject(), asking.subject(seed=2))
