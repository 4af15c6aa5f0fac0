"""The family `corruption`: loading a damaged file raises, and never returns wrong data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..specs import DamageSweep, Spec
from ..verdicts import Verdict
from .base import MODEL, TREE, Examples, check
from .process import CONTENT
from .profile import FormatProfile

#: Elements of a tensor that has four blocks of 512 bytes.
_BLOCKS = 512
#: Elements of a tensor that is longer than any buffer for the start of a file.
_LONG = 1 << 14


def _corruption(case: str, copies: str) -> Callable[[Examples], Any]:
    """Make a check: an error of `load` is correct, and so are the right values. ``copies`` names the damaged copies."""
    return check(
        f"corruption/{case}", judges=CONTENT, premise=lambda spec: [spec.saved], allows={Verdict.UNREADABLE}, needs_worker=True,
        share_of=copies, subjects={TREE, MODEL},
    )  # fmt: skip


@_corruption("truncate", "truncated copies")
def truncate(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a truncated file raises, or returns everything that was saved.

    Each copy is truncated at one place: at the start or the end of a structure or a tensor, one
    byte before or after it, inside it, at a sector, or a few bytes before the end of the file.

    Why: a copy or a download is interrupted, or a process is killed while it writes
    (petuum/adaptdl#70). The missing values are then zeros or whatever was in memory, or a length is
    read from other bytes (pytorch/pytorch#38643).
    What to do: store the length, and compare it before anything else is read. Raise if a read
    returns fewer bytes than requested.
    """
    yield DamageSweep("corruption/truncate", profile.subject())


@_corruption("bit-flip-header", "copies with a flipped bit")
def bit_flip_header(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a file with a flipped bit outside the values raises, or returns everything that was saved.

    Outside the values are headers, names, indexes and trailers. Each copy has one flipped bit:
    every bit of a small header in turn, otherwise bits spread over all files and structures.

    Why: shapes, types, names, offsets and lengths are used without a checksum
    (pytorch/pytorch#28858, pytorch/pytorch#38643).
    What to do: store a checksum of the header, and compare it before the header is used.
    """
    yield DamageSweep("corruption/bit-flip-header", profile.subject())


@_corruption("bit-flip-payload", "copies with a flipped bit")
def bit_flip_payload(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a file with a flipped bit in the bytes of the values raises.

    Each copy has one flipped bit in the bytes of a saved tensor or, if these are compressed, in the
    largest compressed members. Tensors of a few bytes and of more than 100,000 bytes are checked.
    The result reports the share of flips that `load` did not detect.

    Why: no checksum is written, or `load` does not compare it (pytorch/pytorch#28858).
    What to do: store a checksum of the values, and compare it when they are loaded.
    """
    yield DamageSweep("corruption/bit-flip-payload", profile.subject())
    yield DamageSweep("corruption/bit-flip-payload", profile.subject(size=_LONG))


@_corruption("zero-block", "copies with zeros in them")
def zero_block(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a file with a block of zeros raises, or returns everything that was saved.

    Each copy has zeros in one block (512 bytes, or fewer in a small file), from one block to the
    end, or in a whole tensor.

    Why: after a crash, file systems return zeros for blocks that were never written, and sparse
    copies lose blocks (petuum/adaptdl#70). Zeros are valid numbers, so nobody notices
    (pytorch/pytorch#28858).
    What to do: store a checksum of everything, and compare it when loading.
    """
    yield DamageSweep("corruption/zero-block", profile.subject(size=_BLOCKS))


@_corruption("swapped-blocks", "copies with swapped blocks")
def swapped_blocks(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a file with two swapped blocks raises, or returns everything that was saved.

    Each copy has two swapped blocks of the same length: neighbors, blocks with half the file
    between them, or two tensors.

    Why: parts that are uploaded or written in parallel are stored in the wrong order. Sums that do
    not depend on the order do not detect it, nor do checksums that `load` does not compare
    (pytorch/pytorch#28858).
    What to do: store a checksum of everything that depends on the order.
    """
    yield DamageSweep("corruption/swapped-blocks", profile.subject(size=_BLOCKS))


@_corruption("appended", "copies with appended bytes")
def appended(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a file with additional bytes at the end raises, or returns exactly what was saved.

    Each copy has zeros, noise, or a second copy of the file at its end.

    Why: one loader accepts additional bytes and another raises (Comfy-Org/ComfyUI#15602), or they
    are read as a separate file (ollama/ollama#8456).
    What to do: store the length of the file in the header, and use no bytes that the header does
    not describe.
    """
    yield DamageSweep("corruption/appended", profile.subject())


@_corruption("empty", "copies with an empty file")
def empty(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a checkpoint with an empty file raises, or returns everything that was saved.

    Each file of the checkpoint is empty in turn.

    Why: a full disk, or a crash after a file is created and before it is written, leaves an empty
    file (petuum/adaptdl#70).
    What to do: raise for an empty file, and name it.
    """
    yield DamageSweep("corruption/empty", profile.subject())


@_corruption("missing-part", "copies without a part")
def missing_part(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a checkpoint without one of its files, folders or members raises, or returns everything that was saved.

    Each part is removed in turn, even if it is the only one.

    Why: an index lists fewer or other shards than exist, and the existing ones are loaded
    (Blaizzy/mlx-vlm#1827); an empty listing is read as an array full of the fill value
    (zarr-developers/VirtualiZarr#1069).
    What to do: store a list of all parts, and raise if one is missing.
    """
    yield DamageSweep("corruption/missing-part", profile.subject())


@_corruption("mixed-parts", "copies with a part of another checkpoint")
def mixed_parts(profile: FormatProfile) -> Iterator[Spec]:
    """Loading a mixture of two checkpoints raises, or returns one of the two completely.

    The two have the same structure and different values. Each copy has one file, or one member of
    an archive, from the other checkpoint; or all bytes of a file from some offset on, as after an
    interrupted write in place.

    Why: a new description is loaded with an old folder of variables (keras-team/keras#4875), or two
    processes write to the same path (pytorch/pytorch#38643).
    What to do: store an identifier of the save, or a checksum, in all parts, and compare them.
    """
    yield DamageSweep("corruption/mixed-parts", profile.subject(), profile.subject(seed=2))
