"""Run the checks of one format, one after the other."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from ..checks import MODEL, TRAINING, Check, FormatProfile, check_pattern, checks_for, select_checks
from ..execution.context import Context
from ..expectations import Expectations
from ..formats.base import Format
from ..results import Result, unused_patterns
from ..specs import Spec
from ..util.tempdirs import temporary_folder
from ..verdicts import Judgement
from ..workers import Workers
from .check_run import EXAMPLES, CheckRun
from .judging import ExampleJudge


class Runner:
    """Runs checks of one format. Use it as a context manager: on exit its folder is removed.

    ``select``, ``examples`` and ``seed`` are those of `check_format`. ``known`` are counterexamples of earlier runs by check; they are
    run first. ``shrink`` says whether to look for a smaller counterexample. ``folder`` is where the runner creates its own folder
    (default: the folder for temporary files). ``workers`` are shared with other runners, and end with their owner. ``keep_files`` is
    the folder to which the files of counterexamples are copied.
    """

    def __init__(
        self,
        format: Format,
        select: str | Iterable[str] | None = None,
        examples: int | None = None,
        seed: int | None = None,
        known: Mapping[str, Sequence[Spec]] | None = None,
        shrink: bool = True,
        folder: pathlib.Path | None = None,
        workers: Workers | None = None,
        keep_files: pathlib.Path | None = None,
    ) -> None:
        self.expectations = check_expectations(format)
        if examples is not None and (type(examples) is not int or examples < 0):
            raise ValueError(f"examples must be an int of at least 0, not {examples!r}")
        self.format = format
        # Checks of trees do not apply to a format that saves only models, so they are left out and not skipped.
        self.checks = tuple(check for check in select_checks(format.backend, select) if _applies(format, check))
        self.examples = EXAMPLES if examples is None else examples
        self.seed = 0 if seed is None else seed
        self.known = known or {}
        self.shrink = shrink
        models = "state" if format.save_model is None else "whole" if format.whole_model else "into"
        partial = format.load_partial is not None
        self.profile = FormatProfile(format.backend, format.accepts, format.template, models, partial, format.save is not None)
        self._parent_folder = folder
        self._workers = workers
        self._keep_files = keep_files
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Runner:
        folder = self._stack.enter_context(temporary_folder(self._parent_folder))
        self.context = self._stack.enter_context(Context(self.format, folder, self._workers))
        names = frozenset(check.name for check in self.checks)
        self._judge = ExampleJudge(self.context, self.profile, self.expectations, names)
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def run(self, check: Check) -> Result:
        """Return the result of one check. It does not depend on the checks that ran before, unless calls timed out again and again."""
        run = CheckRun(self._judge, check, self.examples, self.seed)
        return run.run(self.known.get(check.name, ()), self.shrink, self._keep_files)

    def judge(self, check: Check, spec: Spec) -> Judgement:
        """Save and load one spec, and return the judgement."""
        return self._judge.judge(check, spec)


def _applies(format: Format, check: Check) -> bool:
    """Return whether the format has functions for what a check saves."""
    if format.save is not None:
        return True
    saves_model = format.save_model is not None and MODEL in check.subjects
    return saves_model or (format.save_training is not None and TRAINING in check.subjects)


def check_expectations(format: Format) -> Expectations:
    """Return the expectations of the format, resolved.

    Raise ValueError if a key of ``expected_failures`` names no check of any backend, or if two patterns cover the same check.
    """
    for name in format.expected_failures:
        try:
            check_pattern(name)
        except ValueError as error:
            raise ValueError(f"format {format.name!r}, expected_failures: {error}") from None
        if name == "all":
            raise ValueError(f"format {format.name!r}, expected_failures: 'all' is not a check; use the name of a family, or a glob")
    expectations = Expectations(format.expected_failures)
    for check in checks_for(format.backend):
        expectations.for_check(check.name)
    return expectations


def check_format(
    format: Format,
    select: str | Iterable[str] | None = None,
    examples: int | None = None,
    seed: int | None = None,
    keep_files: str | pathlib.Path | None = None,
) -> list[Result]:
    """Run the checks of ``format`` without pytest, and return a list of `Result` in a fixed order.

    ``select`` holds families, names and globs. One with a leading "-" excludes, and "all" is every check (default: the core checks).
    ``examples`` is how many examples are drawn in addition to the fixed ones. The same ``seed`` draws the same examples.
    ``keep_files`` is a folder to which the files of failures in the families of scenarios are copied.

    Raise TypeError, ValueError or ImportError at once if the arguments are wrong or the framework is not installed.
    """
    if not isinstance(format, Format):
        raise TypeError(f"check_format needs a Format, not {type(format).__name__}")
    with Runner(format, select, examples, seed, keep_files=pathlib.Path(keep_files) if keep_files else None) as runner:
        results = [runner.run(check) for check in runner.checks]
    return [*results, *unused_patterns(results)]
