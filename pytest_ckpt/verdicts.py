"""The rules of judging: which facts get which verdict.

One example was saved and loaded, and an `Observation` states the facts. They are judged in this
order.

If loading ran foreign code, or touched something outside the checkpoint, the verdict is UNSAFE,
whatever else happened. If `save` or `load` ended the process, hung, or ran out of its memory, it is
CRASHED. If `save` raised, it is REFUSED. If `save` succeeded and no file exists at the path, or
`load` raises, it is UNREADABLE. The same applies if `load` returns the very object that was saved,
because then nothing shows that the file can be read.

Otherwise an object was loaded, and the facts are its differences from the saved object. Each
difference has one aspect. A check judges its own aspects and no others. A difference in one of them
is CHANGED if a value, a dtype, a shape or a key is not the saved one, or if leaves are missing. It
is CONVERTED if every value was restored and only the type, order, sharing, flags or strides differ.
If nothing differs, files left on disk, or a size or a time above the allowed limit, are COSTLY.

If the aspects of a check are equal, a difference in another aspect may still block it: values
cannot be compared if the dtype differs. Then the check is skipped if another check of the same run
judges that aspect and found a difference at least as bad. If there is no such check, the verdict is
CHANGED. So no difference is lost, and none is counted twice.

For some checks an error is the correct result: a damaged file must not load, and a read-only folder
must not be written to. Such a check *allows* UNREADABLE or REFUSED, which then counts as KEPT. What
a failed save does to the old checkpoint is a separate fact. If the old checkpoint is damaged, the
observation is the result of loading it now.

The verdict of a check is the worst verdict of its examples.

This module knows no backend, no format and no file, and it runs nothing. So stored observations can
be judged again.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Collection, Sequence


class Verdict(enum.StrEnum):
    """The verdicts, from mildest to worst. Comparisons such as ``<`` follow this order."""

    KEPT = "KEPT"
    COSTLY = "COSTLY"
    REFUSED = "REFUSED"
    CONVERTED = "CONVERTED"
    UNREADABLE = "UNREADABLE"
    CRASHED = "CRASHED"
    CHANGED = "CHANGED"
    UNSAFE = "UNSAFE"

    @property
    def severity(self) -> int:
        """The place in the order: 0 for KEPT, 7 for UNSAFE."""
        return list(Verdict).index(self)

    def __lt__(self, other: str) -> bool:
        return self.severity < Verdict(other).severity

    def __le__(self, other: str) -> bool:
        return self.severity <= Verdict(other).severity

    def __gt__(self, other: str) -> bool:
        return self.severity > Verdict(other).severity

    def __ge__(self, other: str) -> bool:
        return self.severity >= Verdict(other).severity


#: The aspects in which two trees can differ, and the verdict for a difference in each.
ASPECTS: dict[str, Verdict] = {
    "values": Verdict.CHANGED,
    "nan-payload": Verdict.CHANGED,
    "dtype": Verdict.CHANGED,
    "shape": Verdict.CHANGED,
    "kind": Verdict.CONVERTED,
    "container": Verdict.CONVERTED,
    "keys": Verdict.CHANGED,
    "order": Verdict.CONVERTED,
    "alias": Verdict.CONVERTED,
    "flags": Verdict.CONVERTED,
    "strides": Verdict.CONVERTED,
}

#: The aspects that must be equal before an aspect can be compared. The leaf must also exist.
NEEDS: dict[str, frozenset[str]] = {
    "values": frozenset({"dtype", "shape"}),
    "nan-payload": frozenset({"dtype", "shape", "values"}),
    "strides": frozenset({"shape"}),
}


@dataclasses.dataclass(frozen=True)
class Difference:
    """One difference between the loaded and the saved object.

    ``path`` is the path of the leaf as Python code (``['w'][0]``); it is empty for the object itself.
    ``expected`` and ``actual`` are the two states as text. If ``expected`` is empty, ``actual``
    describes the whole difference. If both are empty, the number of different elements does.
    ``count`` of ``total`` elements differ; ``elements`` describes the first of them: index, expected
    bits and number, actual bits and number. ``lost`` means that the leaves below the path could not
    be compared at all. ``leaf`` is the dtype of the leaf, or its Python type. ``cause`` is a likely
    cause that explains every differing element, or empty.
    """

    path: str
    aspect: str
    expected: str
    actual: str
    count: int = 0
    total: int = 0
    elements: tuple[str, ...] = ()
    lost: bool = False
    leaf: str = ""
    cause: str = ""

    @property
    def verdict(self) -> Verdict:
        """The verdict for this difference in a check that judges its aspect."""
        return Verdict.CHANGED if self.lost else ASPECTS[self.aspect]

    def located(self, where: str, lost: bool | None = None) -> Difference:
        """Return the same difference with ``where`` in front of its path, and ``lost`` replaced if given."""
        path = f"{where}: {self.path}" if self.path else where
        return dataclasses.replace(self, path=path, lost=self.lost if lost is None else lost)

    def __str__(self) -> str:
        states = f"expected {self.expected}, got {self.actual}" if self.expected else self.actual
        counts = f"{self.count} of {self.total} elements differ"
        if not states:
            states = counts
        elif self.total > 1:
            states += f" ({counts})"
        text = f"{self.path}: {self.aspect}: {states}" if self.path else f"{self.aspect}: {states}"
        cause = [f"    likely cause: {self.cause}"] if self.cause else []
        return "\n".join([text, *(f"    {element}" for element in self.elements), *cause])


@dataclasses.dataclass(frozen=True)
class Observation:
    """The facts of one example that was saved and loaded.

    Each of ``unsafe``, ``crashed``, ``refused`` and ``unreadable`` is a sentence if that happened,
    otherwise None. ``excess`` describes a cost above the allowed limit. ``skipped`` is the reason if
    the example could not run. ``note`` is text that a reader needs with any verdict, such as the
    tolerance that was used. ``limitation`` is a limitation of the format that this example shows
    although the verdict is KEPT, such as that it never overwrites a checkpoint; reports list it.
    """

    unsafe: str | None = None
    refused: str | None = None
    crashed: str | None = None
    unreadable: str | None = None
    differences: tuple[Difference, ...] = ()
    excess: str | None = None
    skipped: str | None = None
    note: str = ""
    limitation: str = ""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A verdict with its explanation, or no verdict (None) and in ``skipped`` the reason.

    ``limitation`` is that of the observation if the verdict is KEPT.
    """

    verdict: Verdict | None
    detail: str = ""
    skipped: str | None = None
    limitation: str = ""


def judge(
    seen: Observation,
    judges: Collection[str],
    blocked_by: Callable[[Difference], str | None],
    allows: Collection[Verdict] = (),
) -> Judgement:
    """Return the judgement of one observation.

    ``judges`` are the aspects that the check judges, and the verdicts in ``allows`` count as KEPT.
    ``blocked_by(difference)`` returns the name of the other check of this run that judges a
    difference in another aspect and found one at least as bad, or None. It must be a pure lookup in
    results that exist already: judging runs nothing.
    """
    found = _judged(seen, judges, blocked_by)
    return dataclasses.replace(found, verdict=Verdict.KEPT) if found.verdict in allows else found


def _judged(seen: Observation, judges: Collection[str], blocked_by: Callable[[Difference], str | None]) -> Judgement:
    if seen.skipped is not None:
        return Judgement(None, skipped=seen.skipped)
    if seen.unsafe is not None:
        return Judgement(Verdict.UNSAFE, seen.unsafe)
    if seen.crashed is not None:
        return Judgement(Verdict.CRASHED, seen.crashed)
    if seen.refused is not None:
        return Judgement(Verdict.REFUSED, seen.refused)
    if seen.unreadable is not None:
        return Judgement(Verdict.UNREADABLE, seen.unreadable)
    own = [difference for difference in seen.differences if difference.aspect in judges]
    if own:
        return Judgement(max(difference.verdict for difference in own), _with_note(seen, describe(own)))
    blocking = [difference for difference in seen.differences if blocks(difference, judges)]
    for difference in blocking:
        if blocked_by(difference) is None:
            return Judgement(Verdict.CHANGED, _with_note(seen, describe([difference])))
    if blocking:
        first = blocking[0]
        return Judgement(None, skipped=f"blocked by {blocked_by(first)}, which checks the {first.aspect}: {first}")
    if seen.excess is not None:
        return Judgement(Verdict.COSTLY, seen.excess)
    return Judgement(Verdict.KEPT, seen.limitation or seen.note, limitation=seen.limitation)


def _with_note(seen: Observation, text: str) -> str:
    return f"{seen.note}\n{text}" if seen.note else text


def blocks(difference: Difference, judges: Collection[str]) -> bool:
    """Return whether a difference in another aspect prevents a check of the aspects ``judges`` from reaching a verdict."""
    if difference.aspect in judges:
        return False
    return difference.lost or any(difference.aspect in NEEDS.get(aspect, ()) for aspect in judges)


def describe(differences: Sequence[Difference], limit: int = 8) -> str:
    """Return the first ``limit`` differences as text, one after the other, and how many more there are."""
    lines = [str(difference) for difference in differences[:limit]]
    if len(differences) > limit:
        more = len(differences) - limit
        lines.append(f"and {more} more difference{'s' if more > 1 else ''}")
    return "\n".join(lines)
