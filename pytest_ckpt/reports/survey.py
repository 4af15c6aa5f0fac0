"""What a survey prints: the declaration that describes what was found, ready to paste."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence

from ..checks import checks_for
from ..runner import Result
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
    """Name or glob, verdict and reason. A glob stands for several checks only where it means no check of another verdict."""
    failing = [result for result in results if result.verdict not in (None, Verdict.KEPT) and not (result.passed and result.outside)]
    others = {result.check for result in results} - {result.check for result in failing}
    entries: list[tuple[str, Verdict, str]] = []
    done: set[str] = set()
    for result in failing:
        if result.check in done or result.verdict is None:
            continue
        why = reason(result)
        alike = [each.check for each in failing if each.verdict is result.verdict]
        unlike = others | {each.check for each in failing if each.verdict is not result.verdict}
        unlike |= {check.name for check in checks_for(result.backend)} - {each.check for each in results}
        family = result.check.split("/")[0] + "/*"
        under = [check for check in alike if fnmatch.fnmatchcase(check, family)]
        if len(under) > 1 and not any(fnmatch.fnmatchcase(check, family) for check in unlike):
            entries.append((family, result.verdict, why))
            done.update(under)
        else:
            entries.append((result.check, result.verdict, why))
            done.add(result.check)
    return entries


def reason(result: Result, limit: int = 120) -> str:
    """What was seen, in one line: a reason to begin with, until the author gives a better one."""
    text = " ".join(result.detail.split()) or "seen in a survey"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
