"""What a check is: one question, the examples that always ask it, and where more are drawn from.

A check knows specs and the domain of a format. It knows neither how trees are saved nor what counts as what.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..backends import capabilities
from ..specs import DictSpec, Fill, LayerSpec, ListSpec, ModelSpec, Spec, TensorSpec
from ..specs.capabilities import Capabilities, Need, needs_of
from ..verdicts import Verdict

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

CORE, EXTENDED = "core", "extended"


@dataclasses.dataclass(frozen=True)
class FormatProfile:
    """For whom a question is made: the backend's name, the domain that the format accepts, whether it wants a template, how it
    loads models ("into" one that is given, "whole", or as a "state" that goes through its trees), whether it loads a part, and whether
    it saves trees at all."""

    backend: str
    domain: str
    template: bool = False
    models: str = "state"
    partial: bool = False
    trees: bool = True

    @property
    def capabilities(self) -> Capabilities:
        """What the backend can build."""
        return capabilities(self.backend)

    def subject(self, seed: int = 1, size: int = 8, leaves: int = 2) -> Spec:
        """Something ordinary that the format saves: ``leaves`` tensors of ``size`` float32 in its domain, or a model about as large
        where it saves models alone. Another ``seed`` is the same structure with other values."""
        if self.trees:
            return self.carry(*(TensorSpec("float32", (size,), fill=Fill(10 * seed + leaf)) for leaf in range(self.fitting(leaves))))
        width = max(2, math.isqrt(size))
        return ModelSpec((LayerSpec("dense", width),) * leaves, (width,), seed=seed)

    def fitting(self, leaves: int) -> int:
        """How many of so many leaves the domain holds."""
        return 1 if self.domain == "tensor" else leaves

    def carry(self, *leaves: Spec) -> Spec:
        """The leaves as a tree of the format's domain: alone, in a list, or in a dict.

        Where a template could not differ from what is saved, because a leaf has no values, another leaf carries the
        difference.
        """
        if self.domain == "tensor" and len(leaves) == 1:
            return leaves[0]
        if self.template and all(isinstance(leaf, TensorSpec) and not leaf.size for leaf in leaves):
            leaves = (*leaves, TensorSpec("float32", (2,), fill=Fill(1)))
        if self.domain == "list":
            return ListSpec(leaves)
        return DictSpec(tuple(zip("xyzuvw", leaves, strict=False)))

    def carried(self, strategy: SearchStrategy[Any]) -> SearchStrategy[Any]:
        """Drawn leaves, carried as `carry` does: one, or two, since a fault may be in what comes second."""
        from hypothesis import strategies as st

        if self.domain == "tensor":
            return strategy
        return st.lists(strategy, min_size=1, max_size=2).map(lambda leaves: self.carry(*leaves))


def plain_shapes(least: int = 1, most: int = 3) -> SearchStrategy[tuple[int, ...]]:
    """Shapes that no check of the family `shape` asks about: no dimension of length 0 or 1, and not none at all."""
    from hypothesis import strategies as st

    return st.lists(st.integers(2, 4), min_size=least, max_size=most).map(tuple)


Examples = Callable[[FormatProfile], Iterable[Spec]]
Explore = Callable[[FormatProfile], "SearchStrategy[Any]"]
#: For a spec simpler ones; where one of them is not kept, the check's own question cannot be asked of the first.
Premise = Callable[[Any], "Iterable[Spec]"]


@dataclasses.dataclass(frozen=True)
class Check:
    """One check: a statement about a format that examples can refute.

    ``name`` is "family/case". ``examples`` gives the fixed specs, simplest first, and ``explore``
    a strategy that draws more. ``judges`` are the aspects of a difference that count, ``allows``
    the verdicts besides KEPT that are correct, and ``limit`` the bytes on disk that a number of
    bytes of values may take. ``premise`` gives, for an example, simpler specs that must be KEPT
    first; otherwise the example is skipped. ``needs`` is what the backend must be able to build.
    ``apart`` means that the check uses other processes, so it runs only if it is selected.
    ``shares`` adds to the result how many examples got the verdict; a text names these examples.
    ``why`` is the explanation for users: the statement, the reason, and what to do.
    """

    name: str
    level: str
    judges: frozenset[str]
    examples: Examples
    why: str
    needs: tuple[Need, ...] = ()
    explore: Explore | None = None
    limit: Callable[[int], int] | None = None
    premise: Premise | None = None
    allows: frozenset[Verdict] = frozenset()
    apart: bool = False
    shares: bool | str = False

    @property
    def family(self) -> str:
        return self.name.split("/")[0]

    def can_run(self, capabilities: Capabilities) -> bool:
        """Return whether a backend with these capabilities meets every need."""
        return all(need.is_met_by(capabilities) for need in self.needs)

    @property
    def case(self) -> str:
        return self.name.split("/", 1)[1]


def check(
    name: str,
    *,
    level: str = CORE,
    judges: Iterable[str],
    needs: Mapping[str, str | Iterable[str]] | None = None,
    explore: Explore | None = None,
    limit: Callable[[int], int] | None = None,
    premise: Premise | None = None,
    allows: Iterable[Verdict] = (),
    apart: bool = False,
    shares: bool | str = False,
) -> Callable[[Examples], Check]:
    """Makes a check of a function that yields its fixed examples; the docstring is what `explain` shows."""

    def make(examples: Examples) -> Check:
        why = inspect.getdoc(examples) or ""
        return Check(
            name, level, frozenset(judges), examples, why, needs_of(needs or {}), explore, limit, premise, frozenset(allows), apart, shares
        )  # fmt: skip

    return make


def checks_in(module: ModuleType) -> list[Check]:
    """The checks that a module defines, in the order in which they stand there."""
    found: list[Check] = []
    for value in vars(module).values():
        if isinstance(value, Check):
            found.append(value)
        elif isinstance(value, tuple) and value and all(isinstance(each, Check) for each in value):
            found.extend(value)
    return found
