"""Turn an exception of the plugin itself, inside one check, into the verdict ERROR. The other checks go on."""

from __future__ import annotations

import importlib.metadata
import traceback
from typing import TYPE_CHECKING

from ..execution.user_code import concerns_the_run
from ..results import Outcome, Result
from ..verdicts import Judgement, Verdict

if TYPE_CHECKING:
    from .check_run import CheckRun


def error_judgement(error: Exception) -> Judgement:
    """Return the judgement ERROR with the traceback. Raise an exception that concerns the whole run, such as a signal of Hypothesis."""
    if concerns_the_run(error):
        raise error
    return Judgement(Verdict.ERROR, _report(error))


def error_result(run: CheckRun, error: Exception) -> Result:
    """Return the result of a check that failed outside of its examples. Its earlier outcomes are kept."""
    detail = error_judgement(error).detail
    outcomes = (Outcome(Verdict.ERROR, detail=detail), *(each for each in run.outcomes() if each.verdict is not Verdict.ERROR))
    return Result(verdict=Verdict.ERROR, passed=False, detail=detail, outcomes=outcomes, **run.common_fields())


def _report(error: Exception) -> str:
    """Return the exception in the first line, what to do in the second, and then the traceback."""
    reason = " ".join(f"{type(error).__name__}: {error}".split())
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    advice = f"this is a bug in pytest-ckpt; please report it {_where()} with this text"
    return "\n".join([f"internal error: {reason}", advice, *"".join(lines).rstrip().split("\n")])


def _where() -> str:
    """Return where to report bugs: the address in the metadata of the package, if there is one."""
    try:
        urls = importlib.metadata.metadata("pytest-ckpt").get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        urls = []
    found = [url.partition(", ")[2] for url in urls if url.lower().startswith(("issues", "bug"))]
    return f"at {found[0]}" if found else "to its maintainers"
