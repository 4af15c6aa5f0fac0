"""The declaration that a survey prints: the domain and ``expected_failures``, ready to paste."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..checks import checks_for
from ..results import Outcome, Result
from ..specs.domain import shown_limit
from ..util.temporary_names import without_temporary_names
from ..verdicts import ASPECTS, Verdict

#: Characters of a reason. The author of the format can replace it by a better one.
_LONGEST = 160
#: The path of a leaf, before the aspect.
_PLACE = re.compile(rf"^(?:\[[^\]]*\])+: (?=(?:{'|'.join(ASPECTS)}): )")
#: Lines below the first that do not say what was done to the checkpoint: further differences, and counts.
_NO_NOTE = re.compile(rf"(?:^|: )(?:{'|'.join(ASPECTS)}): |^flaky: |^no more examples |^in total, |^and \d+ more |^\d+ of \d+ ")
#: Characters of the shortest prefix of a case in a glob.
_SHORTEST = 3
#: What differs between examples of one cause: names of dtypes, numbers, and quoted texts.
_DETAILS = re.compile(r"'[^']*'|\"[^\"]*\"|\b(?:bool|u?int|float|bfloat|complex|datetime|timedelta|str|bytes|void)[\w-]*|0x\w+|\d+")

IMPORT = "from pytest_ckpt import"


def opening(domain: Mapping[str, Any]) -> list[str]:
    """Return the first lines of a declaration. ``domain`` holds the fields of `Format` that describe the domain."""
    lines = [f"{name}={shown_limit(value) if isinstance(value, list) else repr(value)}," for name, value in domain.items()]
    return [*lines, "expected_failures={"]


def entries(family: Sequence[Result]) -> list[str]:
    """Return the lines for the results of one family: one for each check that needs an entry, or for several of the same kind.

    A glob replaces several names if every check that it matches has the same verdicts for the same
    kind of reason, or no verdict. The glob of a whole family also stands for most of its checks if
    none of them is kept.
    """
    failing = {result.check: found for result in family if (found := declared(result))}
    skipped = {result.check for result in family if result.verdict is None}
    keys: dict[str, str] = {}
    known, groups = _known(family) | failing.keys() | skipped, _groups(failing)
    most = max(groups, key=len, default=[])
    if known <= failing.keys() | skipped and 2 * len(most) > len(failing):
        # Nothing of the family is kept. The other checks get entries of their own, which take precedence.
        keys.update(dict.fromkeys(most, f"{most[0].split('/')[0]}/*"))
    else:
        for group in groups:
            keys.update(_globs(group, known, skipped))
    lines: dict[str, str] = {}
    for check, found in failing.items():
        lines.setdefault(keys.get(check, check), _value(found))
    return [f"    {json.dumps(key)}: {value}," for key, value in lines.items()] + _errors(family)


def closing(results: Iterable[Result]) -> list[str]:
    """Return the last lines: the end of the entries, and the import that they need, as a comment."""
    names = imported(results)
    return ["},"] + ([f"# {names}"] if names else ["# expected_failures is not needed: every check that ran is KEPT"])


def imported(results: Iterable[Result]) -> str:
    """Return the import that the entries need, or an empty text without entries."""
    verdicts = {outcome.verdict for result in results for outcome in declared(result)}
    return f"{IMPORT} {', '.join(sorted(verdict.lower() for verdict in verdicts))}" if verdicts else ""


def declared(result: Result) -> list[Outcome]:
    """Return the outcomes of a result that a declaration has to name."""
    found = [each for each in result.outcomes if each.verdict is not Verdict.ERROR]
    return [each for each in found if not (each.outside and each.verdict is Verdict.REFUSED)]


def reason(outcome: Outcome) -> str:
    """Return the detail of an outcome as one short line, without what differs from run to run."""
    lines = [line for line in without_temporary_names(outcome.detail).splitlines() if line.strip()] or ["found by pytest-ckpt survey"]
    causes = [line.split("likely cause: ", 1)[1] for line in lines if "likely cause: " in line]
    notes = [line for line in lines[1:] if not line.startswith(" ") and not _NO_NOTE.search(line)]
    text = "; ".join([" ".join(_PLACE.sub("", lines[0]).split()), *causes[:1]])
    if outcome.verdict in (Verdict.CHANGED, Verdict.CONVERTED) and notes:
        text = f"{notes[-1]}: {text}"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _value(outcomes: Sequence[Outcome]) -> str:
    calls = [f"{each.verdict.lower()}({_quoted(reason(each))}{', flaky=True' * each.flaky})" for each in outcomes]
    return calls[0] if len(calls) == 1 else f"[{', '.join(calls)}]"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _errors(family: Iterable[Result]) -> list[str]:
    """Return what failed because of a bug in pytest-ckpt, as comments."""
    lines = []
    for result in family:
        if result.verdict is Verdict.ERROR:
            lines += [f"    # {line}".rstrip() for line in f"{result.check}: ERROR\n{result.detail}".splitlines()]
    return lines


def _known(family: Sequence[Result]) -> set[str]:
    return {check.name for result in family[:1] for check in checks_for(result.backend) if check.family == result.family}


def _groups(failing: Mapping[str, Sequence[Outcome]]) -> list[list[str]]:
    """Return the checks with the same verdicts for the same kind of reason."""
    groups: dict[Any, list[str]] = {}
    for check, outcomes in failing.items():
        kind = tuple((each.verdict, each.flaky, _kind(check, each)) for each in outcomes)
        groups.setdefault(kind, []).append(check)
    return [group for group in groups.values() if len(group) > 1]


def _kind(check: str, outcome: Outcome) -> str:
    """Return the reason without what differs between examples of one cause.

    Values that differ without a known cause may differ for any cause, so they are never merged.
    """
    text = reason(outcome)
    if "elements differ" in text and "expected" not in text:
        return check
    return _DETAILS.sub("#", text)


def _globs(group: Sequence[str], known: Iterable[str], skipped: Iterable[str]) -> dict[str, str]:
    """Return globs for checks of a group, by check. A glob matches no other check of the ``known`` ones, except those ``skipped``."""
    allowed, found = {*group, *skipped}, dict[str, str]()
    start = len(group[0].split("/")[0]) + 1
    for check in group:
        # A glob ends where letters, digits or signs end: int* for int8 and int16, but not int1* for int1 and int16.
        ends = [end for end in range(start + _SHORTEST, len(check)) if _class_of(check[end - 1]) != _class_of(check[end])]
        for end in (start, *ends):
            glob = f"{check[:end]}*"
            if check not in found and {name for name in known if fnmatch.fnmatchcase(name, glob)} <= allowed:
                same = [name for name in group if fnmatch.fnmatchcase(name, glob)]
                found.update(dict.fromkeys(same, glob if len(same) > 1 else check))
    return found


def _class_of(character: str) -> str:
    return "letter" if character.isalpha() else "digit" if character.isdigit() else "sign"
