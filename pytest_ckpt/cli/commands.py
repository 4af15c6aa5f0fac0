"""The commands `pytest-ckpt run`, `survey`, `report`, `list` and `explain`. Checks run as pytest items, or by `runner.survey`."""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os
import pathlib
import random
import re
import signal
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from ..util.entry_points import EntryPointWarning, load_failures
from ..util.tempdirs import temporary_folder
from .arguments import check_examples, check_selection, errors_as_usage, pytest_arguments, resolved_formats, targets_of
from .parser import CommandLineError, parse

if TYPE_CHECKING:
    from ..results import Result

#: Exit codes: every result is as expected; one is not; the command line is wrong; the run was interrupted.
OK, FAILED, USAGE_ERROR, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # keys and messages of formats may hold lone surrogates
    with _terminate_as_interrupt(), warnings.catch_warnings():
        # Each command reports broken entry points itself.
        warnings.simplefilter("ignore", EntryPointWarning)
        try:
            options, rest = parse(sys.argv[1:] if arguments is None else arguments)
            if rest and options.command in ("report", "list", "explain"):
                raise CommandLineError(f"unrecognized arguments: {' '.join(rest)} (see pytest-ckpt {options.command} --help)")
            command = {"run": run, "survey": survey, "report": report, "list": list_names, "explain": explain}[options.command]
            code = command(options, rest)
            sys.stdout.flush()
        except CommandLineError as error:
            print(f"pytest-ckpt: {' '.join(str(error).split())}", file=sys.stderr)
            return USAGE_ERROR
        except BrokenPipeError:
            # The reader has closed the pipe, for example `| head`. Discard buffered output, or
            # Python would report an error when it flushes it at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return FAILED
        except KeyboardInterrupt:
            print("pytest-ckpt: interrupted", file=sys.stderr)
            return INTERRUPTED
    return code


@contextlib.contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Treat SIGTERM as an interrupt, so that temporary folders are removed."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def run(options: argparse.Namespace, rest: list[str]) -> int:
    """Run the checks of formats as pytest items."""
    import pytest

    passed_on = pytest_arguments(options, rest)
    targets = targets_of(options)
    formats = resolved_formats(targets)
    check_examples(options)
    check_selection(options, formats)
    if options.json and not pathlib.Path(options.json).parent.is_dir():
        raise CommandLineError(f"--json: the folder {pathlib.Path(options.json).parent} does not exist")
    settings = os.path.join(os.path.dirname(__file__), "collector.ini")
    command = [settings, "-c", settings, f"--rootdir={os.getcwd()}", "-p", "ckpt", "-p", "pytest_ckpt.cli.collector"]
    # pytest warns that this package was imported before it could rewrite the package's assertions.
    command += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    command += [f"--ckpt-format={target.to_text()}" for target in targets]
    command += [f"--ckpt-select={name}" for name in options.select or ()]
    command += [f"--ckpt-examples={options.examples}"] if options.examples is not None else []
    command += [f"--ckpt-seed={options.seed}"] if options.seed is not None else []
    command += [f"--ckpt-keep-files={options.keep_files}"] if options.keep_files else []
    command += ["--ckpt-in-process"] * options.in_process + ([f"--ckpt-json={options.json}"] if options.json else [])
    errors = io.StringIO()
    with _without_pytest_variables(), temporary_folder() as folder, contextlib.redirect_stderr(errors):
        code = int(pytest.main([*command, f"--basetemp={folder}/pytest", *passed_on]))
    if code == pytest.ExitCode.USAGE_ERROR:
        # pytest prints its own usage first. Only the reason is useful here.
        reasons = re.findall(r"^(?:ERROR|\S+: error): (?!usage:)(.+)$", errors.getvalue(), re.MULTILINE)
        raise CommandLineError(reasons[-1] if reasons else errors.getvalue())
    sys.stderr.write(errors.getvalue())
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise CommandLineError("the options select no check")
    return INTERRUPTED if code == pytest.ExitCode.INTERRUPTED else code


@contextlib.contextmanager
def _without_pytest_variables() -> Iterator[None]:
    """Remove the environment variables from which pytest takes options and plugins."""
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    removed = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(removed)


def survey(options: argparse.Namespace, rest: list[str]) -> int:
    """Run every check without expected failures, and print the declaration that describes the format."""
    from ..reports.declaration import declaration
    from ..runner.survey import survey as run_survey

    if unknown := [argument for argument in rest if argument.startswith("-")]:
        raise CommandLineError(f"unrecognized arguments: {' '.join(unknown)} (see pytest-ckpt survey --help)")
    options.formats += rest
    check_examples(options)
    targets = targets_of(options)
    formats = resolved_formats(targets)
    check_selection(options, formats)
    seed = random.SystemRandom().randrange(1 << 32) if options.seed == "random" else int(options.seed or 0)
    # Libraries log failed saves. The declaration already reports them.
    logging.disable(logging.CRITICAL)
    try:
        for target in targets:
            if target.missing:
                print(f"# {target.name}: not run: {target.missing}")
        for format in formats:
            select, progress = options.select or "all", _show_progress if sys.stderr.isatty() else None
            accepts, results = run_survey(format.isolated(), options.examples, seed, select, progress)
            skipped = sum(result.skipped is not None for result in results)
            drawn = f"; --seed={seed}" if options.seed == "random" else ""
            print(f"# {format.name}: {len(results)} checks, {skipped} skipped{drawn}")
            for line in declaration(accepts, results):
                print(line)
    finally:
        logging.disable(logging.NOTSET)
    _print_failures(target.missing for target in targets)
    return OK


def _show_progress(number: int, count: int, result: Result) -> None:
    print(f"\r\033[K{number}/{count} {result.check}", end="" if number < count else "\r\033[K", file=sys.stderr, flush=True)


def _print_failures(printed: Iterable[str]) -> None:
    """Print the entry points that could not be loaded, except those that are already ``printed``."""
    texts = list(printed)
    for failure in map(str, load_failures()):
        if not any(failure in text for text in texts):
            print(f"pytest-ckpt: {failure}", file=sys.stderr)


def report(options: argparse.Namespace, _: list[str]) -> int:
    """Print a page of Markdown from files that `run --json` has written."""
    from ..reports.markdown import page
    from ..reports.record import read_record

    try:
        records = [read_record(pathlib.Path(name)) for name in options.records]
    except (ValueError, OSError) as error:
        raise CommandLineError(str(error)) from None
    print(page(records), end="")
    return OK


def list_names(options: argparse.Namespace, _: list[str]) -> int:
    """Print the names of formats, checks or backends, one on each line, with a description."""
    from .. import backends, checks, formats

    if options.backend:
        with errors_as_usage():
            backends.check_name(options.backend)
    rows: list[tuple[str, str]]
    if options.what == "backends":
        names = [name for name in backends.known_backends() if options.backend in (None, name)]
        rows = [(name, backends.missing(name) or "installed") for name in names]
    elif options.what == "formats":
        pairs = [(name, formats.backend_of(name)) for name in formats.known_formats()]
        pairs = [(name, backend) for name, backend in pairs if options.backend in (None, backend)]
        rows = [(name, "; ".join(filter(None, [backend, formats.missing(name)]))) for name, backend in pairs]
    else:
        listed = checks.checks_for(options.backend) if options.backend else checks.CHECKS.values()
        rows = [(check.name, f"{check.level}: {check.statement}") for check in listed]
    width = max((len(name) for name, _ in rows), default=0)
    for name, description in rows:
        print(f"{name.ljust(width)}  {description}")
    _print_failures(description for _, description in rows)
    return OK


def explain(options: argparse.Namespace, _: list[str]) -> int:
    """Print what checks assert, why, and what to do if they fail."""
    from ..checks import CHECKS, check_pattern
    from ..expectations import matches

    with errors_as_usage():
        for name in options.checks:
            check_pattern(name)
    for check in CHECKS.values():
        if any(name == "all" or matches(check.name, name) for name in options.checks):
            placement = ", runs in worker processes" if check.needs_worker else ""
            allowed = f"; {', '.join(sorted(check.allows))} also passes" if check.allows else ""
            print(f"{check.name} ({check.level}{placement}{allowed})")
            print("\n".join(f"    {line}".rstrip() for line in check.explanation.splitlines()), end="\n\n")
    _print_failures(())
    return OK
