"""The command `pytest-ckpt survey`: run every check without expected failures, and print the declaration that describes the format."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import pathlib
import random
import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..verdicts import Verdict
from .arguments import check_examples, check_folder, check_selection, resolved_formats, targets_of
from .parser import CommandLineError

if TYPE_CHECKING:
    from ..formats.base import Format
    from ..results import Result
    from .targets import Target


def survey(options: argparse.Namespace, rest: list[str]) -> bool:
    """Survey each format, and print each line as soon as its family has run. Return whether no check ended in an ERROR."""
    from ..formats import backend_of
    from ..reports.record import recorded, write_record

    if unknown := [argument for argument in rest if argument.startswith("-")]:
        raise CommandLineError(f"unrecognized arguments: {' '.join(unknown)} (see pytest-ckpt survey --help)")
    options.formats += rest
    check_examples(options)
    check_folder("--json", options.json)
    check_folder("--output", options.output)
    options.processes = _number_of_processes(options.n)
    targets = targets_of(options)
    options.missing = [target.missing for target in targets]
    check_selection(options, resolved_formats(targets))
    options.select = options.select or ["all"]
    drawn = f"; --seed={(seed := random.SystemRandom().randrange(1 << 32))}" if options.seed == "random" else ""
    options.seed = seed if drawn else int(options.seed or 0)
    start, output = time.monotonic(), _Output()
    with contextlib.ExitStack() as stack:
        # Libraries log failed saves. The declaration already reports them.
        logging.disable(logging.CRITICAL)
        stack.callback(logging.disable, logging.NOTSET)
        if options.output:
            stack.callback(output.write, pathlib.Path(options.output))
        for target in targets:
            if target.missing:
                output.print(f"# {target.name}: not run: {target.missing}")
            else:
                _survey_one(target, options, drawn, output)
        if options.json:
            missing = {target.name: (backend_of(target.name), target.missing) for target in targets if target.missing}
            record = recorded(output.results, output.formats, missing, options.select, time.monotonic() - start)
            write_record(record, pathlib.Path(options.json))
    return all(result.verdict is not Verdict.ERROR for result in output.results)


def _number_of_processes(given: str | None) -> int:
    if given == "auto":
        return len(os.sched_getaffinity(0))
    if given is not None and not (given.isascii() and given.isdecimal()):
        raise CommandLineError(f"-n must be a number of processes, or 'auto', got {given!r}")
    return max(1, int(given or 1))


class _Output:
    """The printed lines, and the results so far."""

    def __init__(self) -> None:
        self.formats: list[Format] = []
        self.results: list[Result] = []
        self._lines: list[str] = []

    def print(self, *lines: str) -> None:
        for line in lines:
            self._lines.append(line)
            print(line, flush=True)

    def write(self, path: pathlib.Path) -> None:
        """Write everything that was printed to a file, with the import that it needs in the first line."""
        from ..reports.declaration import IMPORT, imported

        lines = [line for line in self._lines if not line.startswith(f"# {IMPORT}")]
        first = [names, ""] if (names := imported(self.results)) else []
        path.write_text("\n".join([*first, *lines, ""]), encoding="utf-8")


def _survey_one(target: Target, options: argparse.Namespace, drawn: str, output: _Output) -> None:
    from ..reports.declaration import closing, entries, opening
    from ..runner.domain_search import find_domain
    from ..runner.format_runner import checks_of
    from ..runner.survey import without_declarations
    from ..util.tempdirs import temporary_folder
    from .survey_processes import run_in_order

    bare = without_declarations(target.resolve())
    domain = find_domain(bare)
    format = without_declarations(bare, domain)
    checks = checks_of(format, options.select)
    output.formats.append(format)
    output.print(f"# {format.name}: {len(checks)} checks{drawn}", *opening(domain))
    results: list[Result] = []
    family: list[Result] = []
    try:
        with temporary_folder() as folder:
            for result in run_in_order(target, domain, options, [check.name for check in checks], folder):
                if family and family[0].family != result.family:
                    output.print(*entries(family))
                    family = []
                family.append(result)
                results.append(result)
                if sys.stderr.isatty():
                    _show_progress(len(results), len(checks), result)
    finally:
        output.results += results
        output.print(*entries(family), *closing(results), *_remarks(results, len(checks)))


def _remarks(results: Iterable[Result], count: int) -> list[str]:
    from ..runner.hints import shared_errors

    found = list(results)
    skipped = sum(result.verdict is None for result in found)
    stopped = f"# interrupted after {len(found)} of {count} checks" if len(found) < count else ""
    if len(found) > count:
        stopped = f"# {len(found) - count} checks were added, because they block others"
    lines = [line for line in (stopped, f"# {skipped} of {len(found)} checks were skipped" * bool(skipped)) if line]
    return [*lines, *(f"# {hint}" for hint in shared_errors(found))]


def _show_progress(number: int, count: int, result: Result) -> None:
    print(f"\r\033[K{number}/{count} {result.check}", end="" if number < count else "\r\033[K", file=sys.stderr, flush=True)
