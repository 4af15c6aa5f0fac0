"""Define `Check`, and the decorator `check` that makes one of a function.

A check knows specs and the profile of a format. It does not know how objects are saved, compared
or judged.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..specs import Spec
from ..specs.capabilities import Capabilities, Need, needs_of
from ..verdicts import ASPECTS, Verdict
from .profile import FormatProfile

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

CORE, EXTENDED = "core", "extended"
#: Objects that a check may save. A format without functions for any of them does not get the check.
TREE, MODEL, TRAINING = "tree", "model", "training"

Examples = Callable[[FormatProfile], Iterable[Spec]]
Explore = Callable[[FormatProfile], "SearchStrategy[Any]"]
#: Returns simpler specs for an example. Unless all of them are restored, the example shows nothing.
Premise = Callable[[Any], "Iterable[Spec]"]


@dataclasses.dataclass(frozen=True)
class Check:
    """One statement about a format, and the examples that can refute it.

    ``name`` is "family/case", and ``explanation`` the text that `pytest-ckpt explain` shows.
    ``level`` is CORE or EXTENDED. ``examples`` yields the fixed specs, simplest first; ``explore``
    returns a strategy that draws more. Only differences in the aspects ``judges`` count. ``allows``
    are the verdicts that are correct besides KEPT. ``size_limit`` returns how many bytes on disk
    are allowed for so many bytes of values.

    ``needs`` is what a backend must be able to build. ``subjects`` are the kinds of objects that
    the examples may be. ``premise`` returns, for an example, simpler specs that must be restored;
    otherwise the example is skipped. A check that ``needs_worker`` uses other processes, and runs
    only if it is selected. If ``share_of`` is not empty, the result reports how many examples got
    the verdict, and calls them by this plural noun.

    Raises ValueError for a name without a family, and for an unknown level, aspect or subject.
    """

    name: str
    level: str
    judges: frozenset[str]
    examples: Examples
    explanation: str
    needs: tuple[Need, ...] = ()
    explore: Explore | None = None
    size_limit: Callable[[int], int] | None = None
    premise: Premise | None = None
    allows: frozenset[Verdict] = frozenset()
    needs_worker: bool = False
    share_of: str = ""
    subjects: frozenset[str] = frozenset({TREE})

    def __post_init__(self) -> None:
        family, _, case = self.name.partition("/")
        if not family or not case or "/" in case or any(character in self.name for character in " ,*?[") or self.name.startswith("-"):
            raise ValueError(f"a check is named 'family/case', such as 'layout/fortran', not {self.name!r}")
        if self.level not in (CORE, EXTENDED):
            raise ValueError(f"{self.name}: level must be {CORE!r} or {EXTENDED!r}, not {self.level!r}")
        for what, given, known in (("aspects", self.judges, ASPECTS), ("subjects", self.subjects, (TREE, MODEL, TRAINING))):
            if unknown := sorted(set(given) - set(known)):
                raise ValueError(f"{self.name}: unknown {what} {unknown}: expected some of {', '.join(known)}")

    @property
    def family(self) -> str:
        """Return the part of the name before the slash."""
        return self.name.split("/")[0]

    @property
    def case(self) -> str:
        """Return the part of the name after the slash."""
        return self.name.split("/", 1)[1]

    @property
    def statement(self) -> str:
        """Return the first paragraph of the explanation, on one line."""
        return self.explanation.split("\n\n")[0].replace("\n", " ")

    def can_run(self, capabilities: Capabilities) -> bool:
        """Return whether a backend with these capabilities meets every need."""
        return all(need.is_met_by(capabilities) for need in self.needs)


def check(
    name: str,
    *,
    judges: Iterable[str],
    level: str = CORE,
    needs: Mapping[str, str | Iterable[str]] | None = None,
    explore: Explore | None = None,
    size_limit: Callable[[int], int] | None = None,
    premise: Premise | None = None,
    allows: Iterable[Verdict] = (),
    needs_worker: bool = False,
    share_of: str = "",
    subjects: Iterable[str] = (TREE,),
) -> Callable[[Examples], Check]:
    """Make a `Check` of the decorated function, which takes a `FormatProfile` and yields specs.

    The docstring of the function is the explanation: a statement, then why it matters, then what to
    do about a failure. ``needs`` maps fields of `Capabilities` to names, such as
    ``{"layers": "lstm"}``; of several names, the backend needs one. The other arguments are the
    fields of `Check`.
    """

    def make(examples: Examples) -> Check:
        return Check(
            name=name,
            level=level,
            judges=frozenset(judges),
            examples=examples,
            explanation=inspect.getdoc(examples) or "",
            needs=needs_of(needs or {}),
            explore=explore,
            size_limit=size_limit,
            premise=premise,
            allows=frozenset(allows),
            needs_worker=needs_worker,
            share_of=share_of,
            subjects=frozenset(subjects),
        )

    return make
