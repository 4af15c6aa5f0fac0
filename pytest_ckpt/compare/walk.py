"""Compare two trees node by node, and collect the differences with the path of each leaf.

Walks containers; `nodes` compares leaves. A function that is passed in compares models.
Knows no format and no check, and does not judge.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backends import models_of
from ..backends.model_base import ModelBackend
from ..verdicts import Difference
from . import casts
from .ignored import NOTHING, Ignored, dotted
from .keys import by_identity, contents_or_tensors, matched_keys
from .leaves import same_number
from .nodes import Leaves, Pair, keys_text, type_and_value
from .objects import MISSING, Contents, same_key, shown, type_name
from .paths import NO_MODELS, path_text
from .tensors import is_leaf, read

#: Compares an actual with an expected node, or returns None if the expected node is not a model.
ModelComparison = Callable[[Any, Any, Ignored], list[Difference] | None]


def walk(actual: Any, expected: Any, ignored: Ignored = NOTHING, models: ModelComparison | None = None) -> list[Difference]:
    """Return the differences of two trees that are not ignored.

    Without ``models``, models are compared by the state that pickle would write.
    """
    found = _Walk(ignored, models)
    found.run(actual, expected)
    return found.found


class _Walk(Leaves):
    """One comparison of two trees."""

    def __init__(self, ignored: Ignored, models: ModelComparison | None) -> None:
        super().__init__(ignored)
        self.compare_models = models
        #: Mappings whose keys have an identity and no value. They are compared last, when the
        #: partners of the keys are known.
        self.deferred: collections.deque[tuple[Pair, Contents]] = collections.deque()
        self.model_backends: dict[type, ModelBackend | None] = {}

    def run(self, actual: Any, expected: Any) -> None:
        todo = [Pair(None, actual, expected)]
        while todo or self.deferred:
            more = self.pair(todo.pop()) if todo else self.containers(*self.deferred.popleft())
            todo.extend(reversed(list(more)))
        self.sharing()
        if self.found:
            size = sum(self.sizes.values())
            self.found = [dataclasses.replace(each, part_size=self.sizes.get(each.part, 0), tree_size=size) for each in self.found]

    def pair(self, pair: Pair) -> Iterator[Pair]:
        """Compare two nodes, and yield the pairs of their children."""
        if self.ignored.patterns and self.ignored.covers(path_text(pair.path)):
            return
        reading = read(pair.expected)
        if reading is not None:
            self.count(pair)
            yield from self.tensors(pair, reading)
            return
        if type(pair.expected) not in NO_MODELS and self.compare_models is not None and self.models(pair):
            return
        held = None if isinstance(pair.expected, np.generic) else contents_or_tensors(pair.expected)
        if held is None:
            self.count(pair)
            self.plain(pair)
        elif pair.actual is not pair.expected or held.kind != "object":
            key = (id(pair.actual), id(pair.expected))
            if key not in self.visited:
                self.visited[key] = pair
                self.partners.add(pair.expected, pair.actual, pair.path)
                if held.kind in ("mapping", "set") and any(map(by_identity, held.items)):
                    self.deferred.append((pair, held))
                else:
                    yield from self.containers(pair, held)

    def models(self, pair: Pair) -> bool:
        """Compare two models. Return False if the expected node is not a model."""
        kind = type(pair.expected)
        if kind not in self.model_backends:
            self.model_backends[kind] = models_of(pair.expected)
        models = self.model_backends[kind]
        if models is None or not models.owns(pair.expected):
            return False
        assert self.compare_models is not None
        key = (id(pair.actual), id(pair.expected))
        if key in self.visited:
            return True
        self.visited[key] = pair
        self.partners.add(pair.expected, pair.actual, pair.path)
        if models.owns(pair.actual):
            ours, theirs = models.read(pair.expected).tensors, models.read(pair.actual).tensors
            for name, tensor in ours.items():
                below = pair.below(f"[{name!r}]", theirs.get(name), tensor)
                self.count(below)
                self.ignored.covers(path_text(below.path))
                if name in theirs:
                    self.partners.add(tensor, theirs[name], below.path)
                    before, now = read(tensor), read(theirs[name])
                    if before is not None and now is not None:
                        self.remember(below, now, before, id(pair.expected))
        where = path_text(pair.path)
        for each in self.compare_models(pair.actual, pair.expected, dataclasses.replace(self.ignored, patterns=())) or ():
            step = f".{each.path}" if each.path and not each.path.startswith("[") else each.path
            if not self.ignored.covers(where + step):
                self.found.append(dataclasses.replace(each, path=where + step, part=pair.part or each.part))
        return True

    def containers(self, pair: Pair, expected: Contents) -> Iterator[Pair]:
        actual = None if is_leaf(pair.actual) else contents_or_tensors(pair.actual)
        leaf = type_name(pair.expected)
        cast = self.ignores("container")
        matches = matched_keys(expected, actual, self.partners, cast, self.ignores("keys")) if actual is not None else {}
        if type(pair.actual) is not type(pair.expected):
            same = actual is not None and len(actual.items) == len(matches) and all(other is not MISSING for other in matches.values())
            same = same or same_number(pair.actual, pair.expected)
            lost = not same and bool(expected.items or expected.extras)
            if lost and cast and self.cast_container(pair):
                return
            if cast and actual is not None and (not matches or any(other is not MISSING for other in matches.values())):
                lost, same = False, True
            self.add(pair, "container", type_and_value(pair.expected), type_and_value(pair.actual), lost=lost, leaf=leaf)
            if actual is None or not same:
                return
        if actual is None:
            return
        yield from self.children(pair, expected, actual, matches, leaf)
        if type(pair.actual) is type(pair.expected) and (expected.extras or actual.extras):
            ours, theirs = Contents("object", dict(expected.extras)), Contents("object", dict(actual.extras))
            yield from self.children(pair, ours, theirs, matched_keys(ours, theirs, self.partners), leaf)

    def cast_container(self, pair: Pair) -> bool:
        """Compare the values of a list and a tensor, or a list and a set. Return False if no cast
        keeps them.
        """
        if casts.same_value(pair.actual, pair.expected):
            return True
        if not is_leaf(pair.actual):
            return False
        return self.cast_values(pair, casts.array_of(pair.actual), casts.array_of(pair.expected))

    def children(self, pair: Pair, expected: Contents, actual: Contents, matches: dict[Any, Any], leaf: str) -> Iterator[Pair]:
        present = []
        for place, (key, match) in enumerate(matches.items()):
            identity = by_identity(key)
            step = f"[{self.name_of(key, place)}]" if identity else expected.step(key)
            if match is MISSING:
                label = f"the entry of {self.name_of(key, place)}" if identity else expected.label(key)
                if not self.ignored.covers(path_text((pair.path, step)) if self.ignored.patterns else ""):
                    self.add(pair, "keys", "", f"{label} is missing (found: {keys_text(actual.items)})", lost=True, leaf=leaf)
                continue
            if identity:
                if self.partners.get(key) is MISSING and match is not key:
                    yield pair.below(f"[key {place}]", match, key)
            elif not same_key(match, key) and expected.kind == actual.kind:
                self.add(pair, "keys", f"the key {shown(key)}", f"the key {shown(match)}", leaf=leaf)
            present.append(match)
            yield pair.below(step, actual.items[match], expected.items[key])
        extra = len(present) < len(actual.items)
        known = set(map(id, present)) if extra or expected.kind == "mapping" else set()
        if extra:
            for key in actual.items:
                if id(key) not in known and not (self.ignored.patterns and self.ignored.covers(path_text((pair.path, actual.step(key))))):
                    value = f"a value of type {type_name(actual.items[key])}"
                    label = f"a key of type {type_name(key)}" if by_identity(key) else actual.label(key)
                    self.add(pair, "keys", "", f"{label} is unexpected ({value})", leaf=leaf)
        if expected.kind == "mapping":
            order = [key for key in actual.items if id(key) in known]
            if any(ours is not theirs for ours, theirs in zip(order, present, strict=True)):
                self.add(pair, "order", f"keys in the order {keys_text(present)}", keys_text(order), leaf=leaf)

    def name_of(self, key: Any, place: int) -> str:
        """Return the path at which a key with an identity is elsewhere in the tree, or its number."""
        return dotted(path_text(self.partners.path(key))) or f"key {place}"
