"""What counts as what.

One example was saved and loaded, and these facts were seen. They are judged in this order.

If loading ran foreign code, or touched something outside the checkpoint, the verdict is UNSAFE, whatever else happened. If
`save` raised, the verdict is REFUSED. If it ended the process, hung, or ran out of its memory, or the loader did, it is
CRASHED. If `save` was content and nothing stands at the path, if `load` raises, or if it hands back the very object that
was saved, so that nothing shows that the file can be read, it is UNREADABLE.

Otherwise something came back. A check judges the aspects that it asks about and no others. A difference in one of
them counts as CHANGED where a value, a dtype, a shape or a key is not what was saved, or where leaves cannot be found
any more; it counts as CONVERTED where every value came back and only its type, order, sharing, flags or strides did
not. What is left over on disk beyond what was agreed is COSTLY.

Where none of the check's own aspects differs, but another one differs so that the question has no answer (values
cannot be compared where the dtype is another), the check is skipped if some other check of the same run asks about
that aspect and sees it differ too, and is CHANGED if none does. So no difference is lost, and none counts twice.

Some questions have an error for a right answer: a damaged file should not load, and a folder that cannot be written to
should not be written to. Such a check *allows* a verdict, UNREADABLE or REFUSED, which then counts as KEPT, with what was
said. Whether the old checkpoint is still there after a save that raised is a fact of its own: where it is harmed, what was seen
is what loading it now gives.

A check keeps the worst verdict that any of its examples got.

This module knows no backend, no format and no file: stored facts can be judged again.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Collection


class Verdict(enum.StrEnum):
    """How bad it is, mildest first; verdicts compare by that order."""

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
        return list(Verdict).index(self)

    def __lt__(self, other: str) -> bool:
        return self.severity < Verdict(other).severity

    def __le__(self, other: str) -> bool:
        return self.severity <= Verdict(other).severity

    def __gt__(self, other: str) -> bool:
        return self.severity > Verdict(other).severity

    def __ge__(self, other: str) -> bool:
        return self.severity >= Verdict(other).severity


#: Every aspect in which two trees can differ, with the verdict that a difference in it deserves.
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

#: Which aspects must agree before a question about an aspect has an answer, beside the leaf being there at all.
NEEDS: dict[str, frozenset[str]] = {
    "values": frozenset({"dtype", "shape"}),
    "nan-payload": frozenset({"dtype", "shape", "values"}),
    "strides": frozenset({"shape"}),
}


@dataclasses.dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    ``path`` leads to the leaf as Python would (``['w'][0]``). ``count`` of ``total`` elements differ; ``elements``
    are the first of them, as text: index, expected bits and number, actual bits and number. ``lost`` says that the
    leaves below could not be compared at all. ``leaf`` is the dtype of the leaf in question, or its Python type. ``cause``
    is a guess at what happened, in words, where one explains every element.
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
        """What the difference counts as by itself."""
        return Verdict.CHANGED if self.lost else ASPECTS[self.aspect]

    def __str__(self) -> str:
        text = f"{self.path or 'the root'}: {self.aspect}: expected {self.expected}, got {self.actual}"
        if self.total:
            text += f" ({self.count} of {self.total} elements differ)"
        cause = [f"    likely: {self.cause}"] if self.cause else []
        return "\n".join([text, *(f"    {element}" for element in self.elements), *cause])


@dataclasses.dataclass(frozen=True)
class Observation:
    """The facts of one example: what was said and done when it was saved and loaded."""

    unsafe: str | None = None
    refused: str | None = None
    crashed: str | None = None
    unreadable: str | None = None
    differences: tuple[Difference, ...] = ()
    excess: str | None = None
    skipped: str | None = None
    #: What has to be known to understand a result, whatever it is: the tolerance that a framework's own spread asks for.
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Judgement:
    """A verdict and the words for it; or no verdict, and in ``skipped`` the reason."""

    verdict: Verdict | None
    detail: str = ""
    skipped: str | None = None


def judge(
    seen: Observation,
    judges: Collection[str],
    asked_elsewhere: Callable[[Difference], str | None],
    allows: Collection[Verdict] = (),
) -> Judgement:
    """The verdict of a check that ``judges`` these aspects on what was ``seen``; those that it ``allows`` count as KEPT.

    ``asked_elsewhere`` names the other check of the run that asks about a difference which is not ours, and sees it; or None.
    """
    found = _judged(seen, judges, asked_elsewhere)
    return dataclasses.replace(found, verdict=Verdict.KEPT) if found.verdict in allows else found


def _judged(seen: Observation, judges: Collection[str], asked_elsewhere: Callable[[Difference], str | None]) -> Judgement:
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
    foreign = [difference for difference in seen.differences if blocks(difference, judges)]
    for difference in foreign:
        if asked_elsewhere(difference) is None:
            return Judgement(Verdict.CHANGED, _with_note(seen, describe([difference])))
    if foreign:
        other = asked_elsewhere(foreign[0])
        return Judgement(None, skipped=f"the {foreign[0].aspect} differs, which {other} asks about: {foreign[0]}")
    if seen.excess is not None:
        return Judgement(Verdict.COSTLY, seen.excess)
    return Judgement(Verdict.KEPT, seen.note)


def _with_note(seen: Observation, words: str) -> str:
    return f"{seen.note}\n{words}" if seen.note else words


def blocks(difference: Difference, judges: Collection[str]) -> bool:
    """Whether a difference in another aspect leaves a check's question without an answer."""
    if difference.aspect in judges:
        return False
    return difference.lost or any(difference.aspect in NEEDS.get(aspect, ()) for aspect in judges)


def describe(differences: list[Difference], limit: int = 8) -> str:
    """The differences, one to a line, the first ``limit`` of them."""
    lines = [str(difference) for difference in differences[:limit]]
    if len(differences) > limit:
        lines.append(f"and {len(differences) - limit} more differences")
    return "\n".join(lines)
