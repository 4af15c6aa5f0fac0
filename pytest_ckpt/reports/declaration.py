"""The declaration that a survey prints: ``accepts`` and ``expected_failures``, ready to paste."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Sequence

from ..checks import checks_for
from ..results import Result
from ..verdicts import Verdict


def declaration(accepts: str | None, results: Sequence[Result]) -> list[str]:
    """Return the lines of a declaration that makes every result an expected one.

    ``accepts`` is None for a format that saves only models.
    """
    lines = [f"accepts={accepts!r},"] if accepts else []
    entries = _entries(results)
    if not entries:
        return [*lines, "# expected_failures is not needed: every check that ran is KEPT"]
    lines.append("expected_failures={")
    lines += [f"    {json.dumps(name)}: {verdict.lower()}({json.dumps(why, ensure_ascii=False)})," for name, verdict, why in entries]
    return [*lines, "},"]


def _entries(results: Sequence[Result]) -> list[tuple[str, Verdict, str]]:
    """Return key, verdict and reason of each entry, in the order of the checks.

    A glob for a whole family, or for one case in all families, replaces several names if every check
    that it matches has the same verdict or no verdict.
    """
    failing = {
        result.check: result for result in results if result.verdict not in (None, Verdict.KEPT) and not (result.passed and result.outside)
    }
    skipped = {result.check for result in results if result.verdict is None}
    known = [check.name for result in results[:1] for check in checks_for(result.backend)]
    keys: dict[str, str] = {}
    globs = [*(f"{check.split('/')[0]}/*" for check in failing), *(f"*/{check.split('/', 1)[1]}" for check in failing)]
    for glob in dict.fromkeys(globs):
        matched = {check for check in known if fnmatch.fnmatchcase(check, glob)}
        matched_failing = matched & set(failing)
        if (
            len(matched_failing) > 1
            and matched <= matched_failing | skipped
            and not matched_failing & set(keys)
            and len({failing[check].verdict for check in matched_failing}) == 1
        ):
            keys.update(dict.fromkeys(matched_failing, glob))
    entries: dict[str, tuple[str, Verdict, str]] = {}
    for check, result in failing.items():
        key = keys.get(check, check)
        if key not in entries and result.verdict is not None:
            entries[key] = (key, result.verdict, _reason(result))
    return list(entries.values())


def _reason(result: Result, limit: int = 120) -> str:
    """Return the detail of the result as one short line, which the author of the format can replace by a better reason."""
    text = " ".join(result.detail.split()) or "found by pytest-ckpt survey"
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
