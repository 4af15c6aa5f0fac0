"""Specs of loading into an object that differs from the saved one: `LoadInto`, `Mismatch`, `PartialLoad` and `NarrowLoad`."""

from __future__ import annotations

import dataclasses

from .base import Spec
from .models import ModelSpec


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class LoadInto(Spec):
    """``saved`` is saved, and loaded into ``clone``, a model of the same architecture that differs in what a check is about."""

    saved: ModelSpec
    clone: ModelSpec


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class Mismatch(Spec):
    """``saved``, a model or a tree, is saved and loaded into ``target``, which has other names, shapes or dtypes."""

    saved: Spec
    target: Spec


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class PartialLoad(Spec):
    """``saved`` is saved, and only its layers ``names`` are loaded, into ``target``."""

    saved: ModelSpec
    target: ModelSpec
    names: tuple[str, ...]


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class NarrowLoad(Spec):
    """``tree`` is saved, and loaded while 64-bit types are switched off."""

    tree: Spec
