"""The rules of judging: which facts get which verdict.

One example was saved and loaded, and an `Observation` states the facts. They are judged in this
order.

If loading ran foreign code, or touched something outside the checkpoint, the verdict is UNSAFE,
whatever else happened. If `save` altered the object that it was given, it is CHANGED, in every
check. If `save` or `load` ended the process, hung, or ran out of its memory, it is
CRASHED. If `save` raised, it is REFUSED. If `save` succeeded and no file exists at the path, or
`load` raises, it is UNREADABLE. The same applies if `load` returns the very object that was saved,
because then nothing shows that the file can be read.

Otherwise an object was loaded, and the facts are its differences from the saved object. Each
difference has one aspect. A check judges its own aspects and no others. A difference in one of them
is CHANGED if a value, a dtype, a shape or a key is not the saved one, or if leaves are missing. It
is CONVERTED if every value was restored and only the type, order, sharing, flags or strides differ.
If nothing differs, files left on disk, or a size or a time above the allowed limit, are COSTLY.

If the aspects of a check are equal, a difference in another aspect may still block it: values
cannot be compared if the dtype differs. Then the check is skipped if another check judges that
aspect and finds a difference at least as bad. That check runs in the same run, whether it is
selected or not, and reports the difference. If there is no such check, the verdict is CHANGED. So
no difference is lost, none is counted twice, and the verdict does not depend on the selection. The
same holds for a simpler example that must be restored first.

For some checks an error is the correct result: a damaged file must not load, and a read-only folder
must not be written to. Such a check *allows* UNREADABLE or REFUSED, which then counts as KEPT. What
a failed save does to the old checkpoint is a separate fact. If the old checkpoint is damaged, the
observation is the result of loading it now.

A check has every verdict other than KEPT that one of its examples got. Each of them must be declared;
the worst one that is not is the verdict that a result shows first. If the plugin itself fails, the
verdict is ERROR, which is no statement about the format.

This module knows no backend, no format and no file, and it runs nothing. So stored observations can
be judged again.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Collection, Iterable
from typing import Any

from .messages import describe, raised_lines


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
    #: The check itself failed, by a bug in pytest-ckpt. It says nothing about the format, and cannot be declared.
    ERROR = "ERROR"

    @property
    def severity(self) -> int:
        """The place in the order: 0 for KEPT, 8 for ERROR."""
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
    cause that explains every differing element, or empty. ``part`` is the first step of the path,
    ``part_size`` the number of leaves below it, and ``tree_size`` the number of all leaves.
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
    part: str = dataclasses.field(default="", compare=False, repr=False)
    part_size: int = dataclasses.field(default=0, compare=False, repr=False)
    tree_size: int = dataclasses.field(default=0, compare=False, repr=False)

    @property
    def verdict(self) -> Verdict:
        """The verdict for this difference in a check that judges its aspect."""
        return Verdict.CHANGED if self.lost else ASPECTS[self.aspect]

    @property
    def tree_path(self) -> str:
        """The path without the words in front of it that say when the difference was observed."""
        return self.path[self.path.find(self.part) :] if self.part else ""

    def located(self, where: str, lost: bool | None = None) -> Difference:
        """Return the same difference with ``where`` in front of its path, and ``lost`` replaced if given."""
        path = f"{where}: {self.path}" if self.path else where
        return dataclasses.replace(self, path=path, lost=self.lost if lost is None else lost)

    def summary(self, path: str | None = None) -> str:
        """Return path, aspect and the two states on one line. ``path`` replaces the path."""
        states = f"expected {self.expected}, got {self.actual}" if self.expected else self.actual
        counts = f"{self.count} of {self.total} elements differ"
        if not states:
            states = counts
        elif self.total > 1:
            states += f" ({counts})"
        where = self.path if path is None else path
        return f"{where}: {self.aspect}: {states}" if where else f"{self.aspect}: {states}"

    def __str__(self) -> str:
        cause = [f"    likely cause: {self.cause}"] if self.cause else []
        return "\n".join([self.summary(), *(f"    {element}" for element in self.elements), *cause])


@dataclasses.dataclass(frozen=True)
class Place:
    """A line of code: its file, the name of the file below the folder from which it is imported, and the function."""

    file: str
    short: str
    line: int
    function: str
    code: str


@dataclasses.dataclass(frozen=True)
class Raised:
    """An exception of one of the user's functions.

    ``message`` is its text if that is too long for a sentence. ``places`` are the line of the user's
    own code, and the line in a library that it led to. ``causes`` are the exceptions that led to it,
    each as text with its places. ``traceback`` is what Python prints.
    """

    message: str = ""
    places: tuple[Place, ...] = ()
    causes: tuple[tuple[str, tuple[Place, ...]], ...] = ()
    traceback: str = dataclasses.field(default="", compare=False, repr=False)


@dataclasses.dataclass(frozen=True)
class Observation:
    """The facts of one example that was saved and loaded.

    Each of ``unsafe``, ``crashed``, ``refused`` and ``unreadable`` is a sentence if that happened,
    otherwise None. ``excess`` describes a cost above the allowed limit. ``skipped`` is the reason if
    the example could not run. ``note`` is text that a reader needs with any verdict, such as the
    tolerance that was used. ``limitation`` is a limitation of the format that this example shows
    although the verdict is KEPT, such as that it never overwrites a checkpoint; reports list it.
    ``raised`` describes the exception in ``refused`` or ``unreadable``. ``cause`` is the reason of
    all lost values, as a sentence: it replaces the causes of the single differences. ``blockers``
    are the checks that report why the example could not run, and ``unmet`` is the spec of a simpler
    object that is not restored, so that the example proves nothing.
    ``altered`` is what saves changed in the objects that they were given.
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
    raised: Raised | None = None
    cause: str = ""
    blockers: tuple[str, ...] = ()
    unmet: Any = None
    altered: tuple[Difference, ...] = ()

    def with_alterations(self, found: Iterable[Difference]) -> Observation:
        """Return the same observation, in which saves have altered more."""
        return dataclasses.replace(self, altered=tuple(dict.fromkeys((*self.altered, *found))))


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A verdict with its explanation, or no verdict (None) and in ``skipped`` the reason.

    The first line of ``detail`` states the cause. ``limitation`` is that of the observation if the
    verdict is KEPT. ``blockers`` are the checks that report what prevented a verdict. ``traceback``
    is that of the user's exception.
    """

    verdict: Verdict | None
    detail: str = ""
    skipped: str | None = None
    limitation: str = ""
    blockers: tuple[str, ...] = ()
    traceback: str = dataclasses.field(default="", compare=False, repr=False)


def judge(
    seen: Observation,
    judges: Collection[str],
    blocked_by: Callable[[Difference], str | None],
    allows: Collection[Verdict] = (),
) -> Judgement:
    """Return the judgement of one observation.

    ``judges`` are the aspects that the check judges, and the verdicts in ``allows`` count as KEPT.
    ``blocked_by(difference)`` returns the name of the other check that judges a difference in
    another aspect and found one at least as bad, or None. It must be a pure lookup in
    results that exist already: judging runs nothing.
    """
    found = _judged(seen, judges, blocked_by)
    return dataclasses.replace(found, verdict=Verdict.KEPT) if found.verdict in allows else found


def _judged(seen: Observation, judges: Collection[str], blocked_by: Callable[[Difference], str | None]) -> Judgement:
    if seen.unsafe is not None:
        return Judgement(Verdict.UNSAFE, seen.unsafe)
    if seen.altered:
        return Judgement(Verdict.CHANGED, f"save altered what it was given:\n{describe(seen.altered)}")
    if seen.skipped is not None:
        return Judgement(None, skipped=seen.skipped, blockers=seen.blockers)
    if seen.crashed is not None:
        return _with_exception(Verdict.CRASHED, seen.crashed, seen)
    if seen.refused is not None:
        return _with_exception(Verdict.REFUSED, seen.refused, seen)
    if seen.unreadable is not None:
        return _with_exception(Verdict.UNREADABLE, seen.unreadable, seen)
    own = [difference for difference in seen.differences if difference.aspect in judges]
    if own:
        return Judgement(max(difference.verdict for difference in own), _with_note(seen, describe(own, seen.cause)))
    blocking = [difference for difference in seen.differences if blocks(difference, judges)]
    for difference in blocking:
        if blocked_by(difference) is None:
            return Judgement(Verdict.CHANGED, _with_note(seen, describe([difference], seen.cause)))
    if blocking:
        first = blocking[0]
        names = dict.fromkeys(str(blocked_by(difference)) for difference in blocking)
        reason = f"blocked by {blocked_by(first)}, which checks the {first.aspect}: {first}"
        return Judgement(None, skipped=reason, blockers=tuple(names))
    if seen.excess is not None:
        return Judgement(Verdict.COSTLY, seen.excess)
    return Judgement(Verdict.KEPT, seen.limitation or seen.note, limitation=seen.limitation)


def _with_note(seen: Observation, text: str) -> str:
    return f"{text}\n{seen.note}" if seen.note else text


def _with_exception(verdict: Verdict, text: str, seen: Observation) -> Judgement:
    if seen.raised is None:
        return Judgement(verdict, text)
    return Judgement(verdict, "\n".join([text, *raised_lines(seen.raised)]), traceback=seen.raised.traceback)


def blocks(difference: Difference, judges: Collection[str]) -> bool:
    """Return whether a difference in another aspect prevents a check of the aspects ``judges`` from reaching a verdict."""
    if difference.aspect in judges:
        return False
    return difference.lost or any(difference.aspect in NEEDS.get(aspect, ()) for aspect in judges)
