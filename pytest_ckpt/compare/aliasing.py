"""Find which tensors of a tree share memory, and compare that between two trees.

Knows addresses and no framework.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..backends.memory import Memory, bounds, overlap

#: The state, in a difference in the aspect "alias", of a tensor that shares no memory.
SEPARATE_MEMORY = "separate memory"


def groups(memories: Sequence[Memory]) -> list[int]:
    """Return, for each tensor, the index of the first tensor that it shares memory with, directly
    or through others.
    """
    first = list(range(len(memories)))

    def root(index: int) -> int:
        while first[index] != index:
            first[index] = first[first[index]]
            index = first[index]
        return index

    def join(index: int, other: int) -> None:
        low, high = sorted((root(other), root(index)))
        first[high] = low

    known: dict[Memory, int] = {}
    spans: list[tuple[int, int, int]] = []
    for index, memory in enumerate(memories):
        low, high = bounds(memory)
        if low == high:
            continue
        if memory in known:
            join(index, known[memory])
        else:
            known[memory] = index
            spans.append((low, high, index))
    open_spans: list[tuple[int, int]] = []
    for low, high, index in sorted(spans):
        open_spans = [(end, other) for end, other in open_spans if end > low]
        for _, other in open_spans:
            if root(other) != root(index) and overlap(memories[index], memories[other]):
                join(index, other)
        open_spans.append((high, index))
    return [root(index) for index in range(len(memories))]


def changes(actual: Sequence[Memory], expected: Sequence[Memory]) -> Iterator[tuple[int, int, bool]]:
    """Yield ``(tensor, other, shared)`` for each tensor that shares memory with an earlier one in
    only one of the trees.

    ``shared`` is True if they share memory in the expected tree, and False if they do in the actual
    tree.
    """
    now, before = groups(actual), groups(expected)
    for index, (old, new) in enumerate(zip(before, now, strict=True)):
        if old != index and now[old] != new:
            yield index, old, True
        if new != index and before[new] != old:
            yield index, new, False
