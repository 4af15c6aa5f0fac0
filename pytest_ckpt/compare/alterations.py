"""Record the state of an object, and find what has changed in it since.

Unlike `trees`, which compares two objects, this compares one object at two times. So identity and
memory count too: whoever holds a part of the object must still see it there.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..backends.base import Reading
from ..verdicts import Difference
from . import elements
from .leaves import same_content
from .objects import Contents, Path, contents, path_text, shown, type_name
from .tensors import read

#: Elements of up to this many bytes are copied. Of larger tensors only a digest is kept, because a
#: copy would show in the memory that a save uses.
_COPIED = 1 << 16
#: Plain leaves that can change in place.
_MUTABLE = (bytearray, set)


@dataclasses.dataclass(slots=True, eq=False)
class Recorded:
    """The state of one node, and of the nodes below it.

    ``node`` keeps the node alive, so that its identity is not used again. ``is_held`` tells that it
    is the very object that the caller holds, and not one that was made to look at it. ``is_part``
    tells that it may be computed from a tensor, so its memory says nothing. ``value`` is a plain
    leaf or the elements of a tensor, and ``children`` are the nodes below by the step of their
    path, each with its name.
    """

    node: Any
    is_held: bool
    is_part: bool = False
    value: Any = None
    reading: Reading | None = None
    kind: str = ""
    children: dict[str, tuple[str, Recorded]] = dataclasses.field(default_factory=dict)


def record(tree: Any, *, is_held: bool = True) -> Recorded:
    """Return the state of a tree. With ``is_held`` False, its containers were made to look at it."""
    root = Recorded(tree, is_held)
    todo, visited = [root], {id(tree): root}
    while todo:
        here = todo.pop()
        children = list(_look(here))
        is_part = here.is_part or here.reading is not None
        for step, label, child, held in children:
            known = visited.get(id(child))
            if known is None:
                known = visited[id(child)] = Recorded(child, held, is_part)
                todo.append(known)
            here.children[step] = (label, known)
    return root


def forget_new_memory(first: Recorded, again: Recorded) -> None:
    """Mark the tensors of ``first`` whose memory says nothing, because ``again`` shows other memory.

    Both are records of one unchanged object, so such a tensor was made to look at the object.
    """
    todo, visited = [(first, again)], {id(first)}
    while todo:
        one, other = todo.pop()
        if one.reading is not None and other.reading is not None and _address(one.reading) != _address(other.reading):
            one.is_part = True
        for step, (_, child) in one.children.items():
            if step in other.children and id(child) not in visited:
                visited.add(id(child))
                todo.append((child, other.children[step][1]))


def _look(here: Recorded) -> Iterator[tuple[str, str, Any, bool]]:
    """Record a node, and yield the step, the name and the node of each child, and whether it is held."""
    node, reading = here.node, read(here.node)
    if reading is not None:
        here.reading = dataclasses.replace(reading, words=None, objects=None, parts=None)
        here.value = None if reading.words is None else _elements(reading.words)
        for name, part in (reading.parts or {}).items():
            yield f".{name}", name, part, False
        if reading.objects is not None:
            for at in np.ndindex(*reading.shape):
                place = f"[{', '.join(map(str, at))}]"
                yield place, f"element {place}", reading.objects[at], False
        return
    held = None if isinstance(node, np.generic) else contents(node)
    if held is None:
        here.value = type(node)(node) if type(node) in _MUTABLE else node
        return
    here.kind = held.kind
    # Other containers may make their items when they are asked for them.
    is_held = here.is_held and (isinstance(node, dict | list) or type(node) is tuple)
    for found in (held, Contents("object", dict(held.extras))):
        for key, child in found.items.items():
            yield found.step(key), found.label(key), child, is_held and found is held


def _elements(words: Any) -> Any:
    if words.nbytes > _COPIED and words.flags.c_contiguous:
        return hashlib.blake2b(words).digest()
    return np.array(words)


def alterations(now: Recorded, before: Recorded) -> list[Difference]:
    """Return what has changed between two records of one tree."""
    found: list[Difference] = []
    todo: list[tuple[Path, Recorded, Recorded]] = [(None, now, before)]
    visited: set[tuple[int, int]] = set()
    while todo:
        path, new, old = todo.pop()
        if (id(new), id(old)) in visited:
            continue
        visited.add((id(new), id(old)))
        changes = list(_changes(new, old))
        found += [dataclasses.replace(each, path=path_text(path)) for each in changes]
        if not any(each.lost for each in changes):
            below = [((path, step), child, old.children[step][1]) for step, (_, child) in new.children.items() if step in old.children]
            todo.extend(reversed(below))
    return found


def _changes(new: Recorded, old: Recorded) -> Iterator[Difference]:
    """Yield the changes of one node, without its path."""
    if new.reading is not None and old.reading is not None:
        yield from _tensor_changes(new, new.reading, old, old.reading)
    elif type(new.node) is not type(old.node):
        yield Difference("", "container", _described(old), _described(new), lost=True)
    elif not old.kind:
        if new.value is not old.value and not same_content(new.value, old.value):
            yield Difference("", "values", shown(old.value), shown(new.value), count=1, total=1)
    else:
        yield from _container_changes(new, old)


def _described(recorded: Recorded) -> str:
    if recorded.reading is not None:
        return recorded.reading.kind
    return type_name(recorded.node) if recorded.kind else f"{type_name(recorded.node)} {shown(recorded.value)}"


def _container_changes(new: Recorded, old: Recorded) -> Iterator[Difference]:
    if new.is_held and old.is_held and new.node is not old.node and isinstance(old.node, dict | list):
        yield Difference("", "alias", "the same object", "another one")
    for step, (label, _) in old.children.items():
        if step not in new.children:
            yield Difference("", "keys", "", f"{label} is gone")
    for step, (label, _) in new.children.items():
        if step not in old.children:
            yield Difference("", "keys", "", f"{label} was added")
    order = [step for step in old.children if step in new.children]
    if old.kind == "mapping" and order != (now := [step for step in new.children if step in old.children]):
        yield Difference("", "order", f"keys in the order {', '.join(order)}", ", ".join(now))


def _tensor_changes(new: Recorded, now: Reading, old: Recorded, was: Reading) -> Iterator[Difference]:
    for aspect, name in (("kind", "kind"), ("dtype", "dtype"), ("shape", "shape"), ("strides", "strides")):
        if (ours := getattr(was, name)) != (theirs := getattr(now, name)):
            yield Difference("", aspect, str(ours), str(theirs), leaf=was.dtype)
    for flag in sorted({*was.flags, *now.flags}):
        # Without the caller's own object, attributes are notes of libraries.
        if was.flags.get(flag) != now.flags.get(flag) and (old.is_held or not flag.startswith(".")):
            ours, theirs = (f"{flag}={flags[flag]}" if flag in flags else f"no {flag}" for flags in (was.flags, now.flags))
            yield Difference("", "flags", ours, theirs, leaf=was.dtype)
    if (was.dtype, was.shape) == (now.dtype, now.shape):
        yield from _element_changes(new.value, old.value, was)
    if new.is_held and old.is_held and new.node is not old.node:
        yield Difference("", "alias", "the same object", "another one", leaf=was.dtype)
    elif not old.is_part and _address(was) != _address(now):
        yield Difference("", "alias", "the same memory", "other memory", leaf=was.dtype)


def _address(reading: Reading) -> int | None:
    return None if reading.memory is None or 0 in reading.shape else reading.memory.address


def _element_changes(now: Any, was: Any, reading: Reading) -> Iterator[Difference]:
    if isinstance(now, bytes) and isinstance(was, bytes):
        if now != was:
            yield Difference("", "values", f"the {math.prod(reading.shape)} elements that it had", "others", leaf=reading.dtype)
    elif isinstance(now, np.ndarray) and isinstance(was, np.ndarray) and now.shape == was.shape:
        if not elements.equal(was, now, elements.element_row(reading.dtype)):
            found = elements.mismatches(now, was, reading.dtype, reading.shape)
            total = math.prod(reading.shape)
            for aspect in ("values", "nan-payload"):
                if count := found.counts[aspect]:
                    lines = tuple(found.first[aspect])
                    yield Difference("", aspect, "", "", count=count, total=total, elements=lines, leaf=reading.dtype)
    elif now is not was:
        yield Difference("", "values", "its elements", "none, or elements in another form", leaf=reading.dtype)
