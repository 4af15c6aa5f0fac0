"""The text of a failure: the cause first, then the worst difference, then the others.

The first line of every text states the cause, because pytest's summary shows nothing else. Nothing
here judges or compares.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .results import Outcome, Result
    from .verdicts import Difference, Place, Raised

#: Up to this number of differences are shown in full; of more, only the worst one.
IN_FULL = 4
#: The number of lines for the parts of a tree, or for the other differences.
LINES = 8


def describe(differences: Sequence[Difference], cause: str = "") -> str:
    """Return differences as text: the cause, the worst difference, then the others, the worst first.

    ``cause`` is the reason of all of them, if it is known. It is used only if a value was lost.
    """
    ordered = sorted(differences, key=lambda each: (-each.verdict.severity, not each.lost))
    worst = ordered[0]
    cause = cause if worst.verdict == "CHANGED" else ""
    headline = cause or _headline(ordered)
    lines = [headline] if headline else []
    lines += _without_cause(worst, headline, cause)
    if len(ordered) <= IN_FULL:
        for other in ordered[1:]:
            lines += _without_cause(other, headline, cause)
    else:
        lines += _others(ordered)
    return "\n".join(lines)


def _headline(ordered: Sequence[Difference]) -> str:
    """Return the cause of the worst difference, and where; empty if no cause is known."""
    worst = ordered[0]
    if not worst.cause:
        return ""
    same = dict.fromkeys(each.tree_path for each in ordered if each.cause == worst.cause)
    where = f"{len(same)} entries" if len(same) > 2 else " and ".join(filter(None, same))
    return f"{worst.cause} (in {where})" if where else worst.cause


def _without_cause(difference: Difference, headline: str, cause: str) -> list[str]:
    """Return the lines of a difference, without its cause if the headline states it or ``cause`` replaces it."""
    lines = str(difference).split("\n")
    return lines[:-1] if difference.cause and (cause or headline.startswith(difference.cause)) else lines


def _others(ordered: Sequence[Difference]) -> Iterator[str]:
    """Yield one line for each part of the tree that differs, or, where a tree has no parts, one line for each difference."""
    parts: dict[str, list[Difference]] = {}
    for each in ordered:
        parts.setdefault(each.part, []).append(each)
    entries = len({each.path for each in ordered})
    size = max([entries, *(each.tree_size for each in ordered)])
    if len(parts) == len(ordered):
        yield from (_first_line(each) for each in ordered[1:LINES])
        if len(ordered) > LINES:
            more = len(ordered) - LINES
            yield f"and {more} more difference{'s' if more > 1 else ''}"
        yield f"in total, {entries} of {size} entries differ"
        return
    if len(parts) > 1:
        yield f"in total, {entries} of {size} entries differ:"
    for part, group in list(parts.items())[:LINES]:
        yield f"    {_part_line(part, group)}"
    if len(parts) > LINES:
        yield f"    and {len(parts) - LINES} more"


def _part_line(part: str, group: Sequence[Difference]) -> str:
    name = _bare(part) or "the tree"
    if len(group) == 1:
        below = group[0].path.partition(part)[2] if part else group[0].path
        return f"{name}: {_first_line(group[0], _bare(below))}"
    entries = len({each.path for each in group})
    if entries == 1 or not part:
        return f"{_first_line(group[0])}, and {len(group) - 1} more"
    aspects: dict[str, int] = {}
    for each in group:
        aspects[each.aspect] = aspects.get(each.aspect, 0) + 1
    kinds = ", ".join(f"{aspect} of {count}" if len(aspects) > 1 else aspect for aspect, count in aspects.items())
    return f"{name}: {entries} of {max(entries, *(each.part_size for each in group))} entries differ ({kinds})"


def _bare(step: str) -> str:
    """Return a key without its brackets."""
    return re.sub(r"^\['([^']*)'\]$", r"\1", step)


def _first_line(difference: Difference, path: str | None = None) -> str:
    """Return a difference on one line, with the first of its elements."""
    text = difference.summary(path)
    return f"{text}: {difference.elements[0]}" if difference.elements else text


def raised_lines(raised: Raised) -> list[str]:
    """Return the lines below the sentence of an exception: its whole message, the user's line, and its causes."""
    lines = [f"    {line.strip()}" for line in raised.message.splitlines() if line.strip()]
    lines += _place_lines(raised.places, "    ")
    for text, places in raised.causes:
        lines += [f"    {text}", *_place_lines(places, "        ")]
    return lines


def _place_lines(places: Sequence[Place], indent: str) -> list[str]:
    """Return the line of the user's code, and the line in a library that it led to."""
    return [f"{indent}{'at' if number == 0 else 'raised at'} {_place(place)}" for number, place in enumerate(places)]


def _place(place: Place) -> str:
    """Return file, line, function and code of a place. A file below the current folder is named from there."""
    folder = os.getcwd().rstrip(os.sep) + os.sep
    file = place.file[len(folder) :] if place.file.startswith(folder) else place.short
    return f"{file}:{place.line}, in {place.function}{f': {place.code}' if place.code else ''}"


def cause_of(result: Result) -> str:
    """Return the cause of a result on one line: why a verdict is not KEPT, or why KEPT is not as expected."""
    if result.verdict == "KEPT" and not result.passed:
        if result.expectation is None:
            return result.detail.split("\n")[0]
        return f"the declared failure no longer exists: remove the line for {result.key or result.check!r} from expected_failures"
    return (result.skipped or result.detail).split("\n")[0]


def _outcome(result: Result) -> str:
    return result.verdict or ("SKIPPED" if result.skipped is not None else "FAILED")


def short_summary(result: Result) -> str:
    """Return verdict and cause for a place with little room, such as pytest's short summary."""
    cause = re.sub(r"^(?:save|load)\w* raised ", "", cause_of(result))
    return f"{_outcome(result)}: {cause}" if cause else _outcome(result)


def failure_text(result: Result) -> str:
    """Return the text of a result: cause, differences, what the check asserts, and the example."""
    cause = cause_of(result)
    headline = f"{result.format} [{result.check}]: {_outcome(result)}"
    lines = [f"{headline}: {cause}" if cause else headline]
    details = result.detail.split("\n")
    lines += details[1:] if details[0] == cause else details if result.detail else []
    if result.counterexample is not None:
        lines.append(f"counterexample: {result.counterexample!r}")
    if result.summary:
        lines.append(f"check: {result.summary}")
    if result.expectations:
        lines += [f"expected: {each.verdict}{' or milder' * each.flaky} ({each.why})" for each in result.expectations]
    elif result.verdict in (None, "ERROR"):
        pass  # this says nothing about the format
    elif result.failed and result.outside:
        lines.append("expected: KEPT or REFUSED (outside the domain of the format, and no entry in expected_failures)")
    elif result.failed:
        lines.append("expected: KEPT (no entry in expected_failures)")
    for other in result.outcomes:
        if other.verdict is not result.verdict:
            lines += _also(result, other)
    return "\n".join(lines)


def _also(result: Result, other: Outcome) -> list[str]:
    """Return the first lines of another outcome of a check, and its example."""
    cause, *rest = other.detail.split("\n")
    lines = [
        f"also {other.verdict}{' (as expected)' * result.is_expected(other)}: {cause}",
        *(f"    {line}" for line in rest[: LINES // 2]),
    ]
    return [*lines, f"    counterexample: {other.counterexample!r}"]
