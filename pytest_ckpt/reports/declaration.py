"""What a survey prints: the declaration that describes what was found, ready to paste."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence

from ..checks import checks_for
from ..results import Result
from ..verdicts import Verdict


def declaration(accepts: str | None, results: Sequence[Result]) -> list[str]:
    """The lines of ``accepts`` and ``expected_failures`` that make every result as declared; no domain for formats of models."""
    lines = [f"accepts={accepts!r},"] if accepts else []
    entries = _entries(results)
    if not entries:
        return [*lines, "# every check that could be asked is kept"]
    lines.append("expected_failures={")
    lines += [f"    {json.dumps(name)}: {verdict.lower()}({json.dumps(why, ensure_ascii=False)})," for name, verdict, why in entries]
    return [*lines, "},"]


def _entries(results: Sequence[Result]) -> list[tuple[str, Verdict, str]]:
    """Name or glob, verdict and reason, in the order of the checks. A glob, for a whole family or for one case in all
    families, stands for several checks only where all that it means got the same verdict, or could not be asked."""
    failing = {
        result.check: result for result in results if result.verdict not in (None, Verdict.KEPT) and not (result.passed and result.outside)
    }
    unanswered = {result.check for result in results if result.verdict is None}
    known = [check.name for result in results[:1] for check in checks_for(result.backend)]
    names: dict[str, str] = {}
    globs = [*(f"{check.split('/')[0]}/*" for check in failing), *(f"*/{check.split('/', 1)[1]}" for check in failing)]
    for glob in dict.fromkeys(globs):
        under = {check for check in known if fnmatch.fnmatchcase(check, glob)}
        alike = under & set(failing)
        if (
            len(alike) > 1
            and under <= alike | unanswered
            and not alike & set(names)
            and len({failing[check].verdict for check in alike}) == 1
        ):
            names.update(dict.fromkeys(alike, glob))
    entries: dict[str, tuple[str, Verdict, str]] = {}
    for check, result in failing.items():
        name = names.get(check, check)
        if name not in entries and result.verdict is not None:
            entries[name] = (name, result.verdict, reason(result))
    return list(entries.values())


def reason(result: Result, limit: int = 120) -> str:
    """What was seen, in one line: a reason to begin with, until the author gives a better one."""
    text = " ".join(result.detail.split()) or "seen in a survey"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
