"""Memory of tensors as blocks of bytes; tensors that overlap share a block when they are loaded."""

from __future__ import annotations

import ctypes

from pytest_ckpt.backends.memory import Memory, bounds


def copy_memory_blocks(memories: list[Memory | None]) -> tuple[list[bytes], list[tuple[int, int] | None]]:
    """Return the blocks and, for each tensor, its block and the offset of its first element.

    A tensor without elements gets None instead of a place.
    """
    spans = sorted(bounds(memory) for memory in memories if memory is not None and 0 not in memory.shape)
    blocks: list[tuple[int, int]] = []
    for low, high in spans:
        if blocks and low < blocks[-1][1]:
            blocks[-1] = (blocks[-1][0], max(high, blocks[-1][1]))
        else:
            blocks.append((low, high))
    places: list[tuple[int, int] | None] = []
    for memory in memories:
        if memory is None or 0 in memory.shape:
            places.append(None)
            continue
        low, high = bounds(memory)
        block = next(index for index, (start, stop) in enumerate(blocks) if start <= low and high <= stop)
        places.append((block, memory.address - blocks[block][0]))
    return [ctypes.string_at(low, high - low) for low, high in blocks], places
