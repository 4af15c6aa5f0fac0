"""Define `Check`, and the decorator `check` that makes one of a function.

A check knows specs and the profile of a format. It does not know how objects are saved, compared
or judged.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..specs import Spec
from ..specs.capabilities import Capabilities, Need, needs_of
from ..specs.fitting import DTYPE, KEYS, SHAPE, fitted
from ..verdicts import ASPECTS, Verdict
from .profile import FormatProfile

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

LEVELS = CORE, EXTENDED = "core", "extended"
#: The name that selects every check.
ALL = "all"
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
    only if it is selected. The verdict of a check that is ``racy`` may depend on timing or on the
    clock, so a survey runs it several times. If ``share_of`` is not empty, the result reports how many examples got
    the verdict, and calls them by this plural noun. ``reported_by`` names the check that reports it
    if objects of this kind cannot be saved or loaded at all; this check is then skipped.

    Where a format accepts only some dtypes, shapes or keys, those of the examples are replaced by
    the most similar ones that it accepts, except those that the check is about: ``keeps`` holds
    DTYPE, SHAPE, KEYS or several of them.

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
    racy: bool = False
    share_of: str = ""
    subjects: frozenset[str] = frozenset({TREE})
    keeps: frozenset[str] = frozenset()
    reported_by: str = ""

    def __post_init__(self) -> None:
        family, _, case = self.name.partition("/")
        if not family or not case or "/" in case or any(character in self.name for character in " ,*?[") or self.name.startswith("-"):
            raise ValueError(f"a check is named 'family/case', such as 'layout/fortran', not {self.name!r}")
        if family in (*LEVELS, ALL):
            raise ValueError(f"{self.name}: a family cannot be named {family!r}, which selects checks of many families")
        if self.level not in LEVELS:
            raise ValueError(f"{self.name}: level must be {CORE!r} or {EXTENDED!r}, not {self.level!r}")
        for what, given, known in (
            ("aspects", self.judges, ASPECTS),
            ("subjects", self.subjects, (TREE, MODEL, TRAINING)),
            ("keeps", self.keeps, (DTYPE, SHAPE, KEYS)),
        ):
            if unknown := sorted(set(given) - set(known)):
                raise ValueError(f"{self.name}: unknown {what} {unknown}: expected some of {', '.join(known)}")
        examples, explore = self.examples, self.explore
        object.__setattr__(self, "examples", lambda profile: self._in_domain(profile, examples(profile)))
        if explore is not None:
            object.__setattr__(self, "explore", lambda profile: self._drawn_in_domain(profile, explore(profile)))

    def _in_domain(self, profile: FormatProfile, specs: Iterable[Spec]) -> Iterator[Spec]:
        """Yield the examples, with everything that the check does not keep taken from the domain of the format."""
        return (found for spec in specs if (found := fitted(spec, profile.limits, self.keeps)) is not None)

    def _drawn_in_domain(self, profile: FormatProfile, strategy: SearchStrategy[Any]) -> SearchStrategy[Any]:
        if not profile.limits.is_limited:
            return strategy
        found = strategy.map(lambda spec: fitted(spec, profile.limits, self.keeps))
        return found.filter(lambda spec: spec is not None)

    @property
    def family(self) -> str:
        """Return the part of the name before the slash."""
        return self.name.split("/")[0]

    @property
    def case(self) -> str:
        """Return the part of the name after the slash."""
        return self.name.split("/", 1)[1]

    @property
    def runs_by_default(self) -> bool:
        """Return whether the check runs if nothing is selected: it is core and needs no worker process."""
        return self.level == CORE and not self.needs_worker

    @property
    def placement(self) -> str:
        """Return the level as text, and whether the check runs by default."""
        where = ", in worker processes" * self.needs_worker
        return f"{self.level}{where}{', by default' if self.runs_by_default else ', if selected'}"

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
    racy: bool = False,
    share_of: str = "",
    subjects: Iterable[str] = (TREE,),
    keeps: Iterable[str] = (),
    reported_by: str = "",
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
            racy=racy,
            share_of=share_of,
            subjects=frozenset(subjects),
            keeps=frozenset(keeps),
            reported_by=reported_by,
        )

    return make
