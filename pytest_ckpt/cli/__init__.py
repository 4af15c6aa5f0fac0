"""The command line: `pytest-ckpt run`, `survey`, `report`, `list` and `explain`. It drives pytest; the checks are the same items."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import io
import logging
import os
import pathlib
import random
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from packaging.version import Version

from ..util.tempdirs import temporary_folder

if TYPE_CHECKING:
    from ..formats.base import Format
    from ..results import Result
    from .targets import Target

#: Exit codes: all is as declared, something is not, the command line is wrong, somebody stopped it.
AS_DECLARED, NOT_AS_DECLARED, USAGE, INTERRUPTED = 0, 1, 2, 130


class Wrong(Exception):
    """Wrong usage; the message is the one-line reason."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Wrong(f"{message} (see {self.prog} --help)")


def _parser() -> _Parser:
    from .. import __version__

    parser = _Parser(
        prog="pytest-ckpt", description="Does what was saved come back? Checks of save and load functions.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"pytest-ckpt {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{run,survey,report,list,explain}", parser_class=_Parser)
    run = commands.add_parser(
        "run", help="ask formats, and print a matrix", allow_abbrev=False,
        description="Asks the checks of formats and prints a matrix. Exits with 0 if all is as declared, 1 if not, 2 for wrong usage.",
        epilog="Other options of pytest may be given too, with a '=' before their value: --maxfail=3, --durations=5.",
    )  # fmt: skip
    run.add_argument(
        "formats", nargs="*", metavar="FORMAT", help="a built-in name or module:object (default: all of the installed backends)"
    )
    _functions(run)
    run.add_argument(
        "--select", action="append", metavar="NAME",
        help="a family, check or glob; --select=-NAME leaves out; 'all' is everything; may be repeated (default: the core checks)",
    )  # fmt: skip
    _draws(run)
    run.add_argument(
        "--in-process", action="store_true",
        help="ask in this process, for a debugger (default: each format in one of its own, that may crash, hang or exit)",
    )  # fmt: skip
    run.add_argument("--json", metavar="FILE", help="write what was seen, for 'pytest-ckpt report'")
    run.add_argument("--keep-files", metavar="FOLDER", help="leave the damaged or half-written files there that show a failure")
    underneath = run.add_argument_group("options of pytest")
    underneath.add_argument("-n", metavar="NUM", help="ask in so many processes at once (needs pytest-xdist)")
    underneath.add_argument("-k", metavar="EXPRESSION", help="only checks whose names match, as 'dtype and not float8'")
    underneath.add_argument("-x", action="store_true", help="stop at the first that is not as declared")
    underneath.add_argument("-v", action="count", default=0, help="a line for each check")
    underneath.add_argument("--junitxml", metavar="FILE", help="write a report as JUnit does")
    survey = commands.add_parser(
        "survey", help="learn what a format keeps, and print its declaration", allow_abbrev=False,
        description="Asks every check without expectations, and prints accepts= and expected_failures= ready to paste.",
    )  # fmt: skip
    survey.add_argument("formats", nargs="*", metavar="FORMAT", help="a built-in name or module:object")
    _functions(survey)
    survey.add_argument("--select", action="append", metavar="NAME", help="only these families, checks or globs (default: all)")
    _draws(survey)
    report = commands.add_parser("report", help="a page of Markdown from what runs have written with --json", allow_abbrev=False)
    report.add_argument("records", nargs="+", metavar="FILE", help="a file that 'pytest-ckpt run --json' has written")
    listing = commands.add_parser("list", help="list formats, checks or backends, one name first on each line", allow_abbrev=False)
    listing.add_argument("what", nargs="?", choices=("formats", "checks", "backends"), default="formats", help="default: formats")
    listing.add_argument("--backend", metavar="NAME", help="only those of this backend")
    explain = commands.add_parser("explain", help="say what a check asserts, why, and what to do", allow_abbrev=False)
    explain.add_argument("checks", nargs="+", metavar="CHECK", help="a check, a family or a glob")
    return parser


def _functions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", metavar="M:F", help="a save function, save(tree, path), in place of FORMAT")
    parser.add_argument("--load", metavar="M:F", help="its load function, load(path)")
    parser.add_argument("--backend", metavar="NAME", help="the framework of --save and --load, or whose formats to take")
    parser.add_argument("--accepts", choices=("tensor", "list", "dict", "tree"), help="what --save accepts (default: tree)")
    parser.add_argument("--suffix", metavar="TEXT", help="how the paths given to --save end, as .npz")
    parser.add_argument("--template", action="store_true", help="--load is load(path, template)")


def _draws(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--examples", type=int, metavar="N", help="examples to draw for each check beyond the fixed ones (default: 15)")
    parser.add_argument("--seed", metavar="N", help="the seed of drawn examples (default: 0), or 'random' for another each time")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a key that was lost may be any string
    with _interruptible():
        try:
            options, rest = _parser().parse_known_args(given)
            if rest and options.command in ("report", "list", "explain"):
                raise Wrong(f"unrecognized arguments: {' '.join(rest)} (see pytest-ckpt {options.command} --help)")
            asked = {"run": _run, "survey": _survey, "report": _report, "list": _list, "explain": _explain}[options.command]
            code = asked(options, rest)
            sys.stdout.flush()
        except Wrong as error:
            print(f"pytest-ckpt: {' '.join(str(error).split())}", file=sys.stderr)
            return USAGE
        except BrokenPipeError:
            # The reader has gone, as `| head` does. What Python still holds goes nowhere, or it would complain on its way out.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return NOT_AS_DECLARED
        except KeyboardInterrupt:
            print("pytest-ckpt: interrupted", file=sys.stderr)
            return INTERRUPTED
    return code


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """A polite end (SIGTERM) is an interrupt, so that folders are cleaned up on the way out."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(options: argparse.Namespace, rest: list[str]) -> int:
    import pytest

    passed = _passed_on(options, rest)
    targets = _targets(options)
    formats = _resolved(targets)
    _check_draws(options)
    _check_select(options, formats)
    if options.json and not pathlib.Path(options.json).parent.is_dir():
        raise Wrong(f"--json: there is no folder {pathlib.Path(options.json).parent}")
    settings = os.path.join(os.path.dirname(__file__), "collector.ini")
    command = [settings, "-c", settings, f"--rootdir={os.getcwd()}", "-p", "ckpt", "-p", "pytest_ckpt.cli.collector"]
    # pytest would say of this very package that it was imported before it could rewrite the assertions in it.
    command += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    command += [f"--ckpt-format={target.text()}" for target in targets]
    command += [f"--ckpt-select={name}" for name in options.select or ()]
    command += [f"--ckpt-examples={options.examples}"] if options.examples is not None else []
    command += [f"--ckpt-seed={options.seed}"] if options.seed is not None else []
    command += [f"--ckpt-keep-files={options.keep_files}"] if options.keep_files else []
    command += ["--ckpt-in-process"] * options.in_process + ([f"--ckpt-json={options.json}"] if options.json else [])
    said = io.StringIO()
    with (
        _without_settings_of_others(),
        temporary_folder() as folder,
        contextlib.redirect_stderr(said),
    ):
        code = int(pytest.main([*command, f"--basetemp={folder}/pytest", *passed]))
    if code == pytest.ExitCode.USAGE_ERROR:
        # pytest shows how it is used itself; the reason alone is what matters here.
        reasons = re.findall(r"^(?:ERROR|\S+: error): (?!usage:)(.+)$", said.getvalue(), re.MULTILINE)
        raise Wrong(reasons[-1] if reasons else said.getvalue())
    sys.stderr.write(said.getvalue())
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise Wrong("no check was left to ask")
    return INTERRUPTED if code == pytest.ExitCode.INTERRUPTED else code


@contextlib.contextmanager
def _without_settings_of_others() -> Iterator[None]:
    """The variables by which pytest takes options from its surroundings are not there meanwhile."""
    names = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)


def _passed_on(options: argparse.Namespace, rest: list[str]) -> list[str]:
    """What goes to pytest. A word that stands alone, not after an option of pytest's, is one more format."""
    if options.n is not None and importlib.util.find_spec("xdist") is None:
        raise Wrong("-n needs pytest-xdist: pip install pytest-xdist")
    passed = [f"-{letter}{value}" for letter in "nk" if (value := getattr(options, letter)) is not None]
    if options.n is not None and not any(word.startswith("--dist") for word in rest):
        passed.append("--dist=loadscope")  # All of a format in one process, or its workers would be started in each.
        if Version(importlib.metadata.version("pytest-xdist")) >= Version("3.8"):
            passed.append("--no-loadscope-reorder")  # The slow ones first, as they are listed, not those of most checks.
    passed += ["-x"] * options.x + ["-v"] * options.v + ([f"--junitxml={options.junitxml}"] if options.junitxml else [])
    for before, word in zip(["", *rest], rest, strict=False):
        if word.startswith("-") or (before.startswith("-") and "=" not in before and ":" not in word):
            passed.append(word)
        else:
            options.formats.append(word)
    return passed


def _check_select(options: argparse.Namespace, formats: list[Format]) -> None:
    from ..checks import check_pattern, select_checks

    try:
        for name in options.select or ():
            check_pattern(name.removeprefix("-"))
    except ValueError as error:
        raise Wrong(f"--select: {error}") from None
    if options.select and not any(select_checks(format.backend, options.select) for format in formats):
        names = ", ".join(format.name for format in formats)
        raise Wrong(f"{names}: none of the checks {', '.join(options.select)} can be asked of this backend")


def _check_draws(options: argparse.Namespace) -> None:
    if options.examples is not None and options.examples < 0:
        raise Wrong(f"--examples takes a number of examples, 0 or more, not {options.examples}")
    if options.seed is not None and options.seed != "random" and not (options.seed.isascii() and options.seed.isdecimal()):
        raise Wrong(f"--seed takes a whole number, 0 or more, or 'random', not {options.seed!r}")


def _targets(options: argparse.Namespace) -> list[Target]:
    """The formats that the command line names."""
    from ..backends import missing as missing_backend
    from ..formats import backend_of, installed_formats, missing
    from .targets import Target

    if bool(options.save) != bool(options.load):
        raise Wrong("--save and --load come together; only one is given")
    if options.save:
        if not options.backend:
            raise Wrong("--save and --load need --backend, the framework whose tensors they take")
        if options.formats:
            raise Wrong(f"either FORMAT or --save and --load, not both: {' '.join(options.formats)}")
        fields = ("save", "load", "backend", "accepts", "suffix", "template")
        return [Target(**{field: value for field in fields if (value := getattr(options, field))})]
    if idle := [f"--{name}" for name in ("accepts", "suffix", "template") if getattr(options, name)]:
        raise Wrong(f"{', '.join(idle)} describes --save and --load, and they are not given")
    if options.formats and options.backend:
        raise Wrong(f"either FORMAT or --backend, not both: a format has its own backend: {' '.join(options.formats)}")
    if options.formats:
        return [Target(name) for name in dict.fromkeys(options.formats)]
    if options.command == "survey" and not options.backend:
        raise Wrong("survey needs a FORMAT, or --save and --load with --backend")
    with _said_in_one_line():
        if options.backend and (lacks := missing_backend(options.backend)):
            raise Wrong(lacks)
        names = [name for name in installed_formats() if not options.backend or backend_of(name) == options.backend]
    if not names:
        raise Wrong("no framework with a built-in format is installed")
    return [Target(name, missing=missing(name) or "") for name in names]


def _resolved(targets: list[Target]) -> list[Format]:
    """The formats themselves, but for those that cannot be asked, so that what is wrong is said before anything runs."""
    from ..runner import check_expectations

    with _said_in_one_line():
        formats = [target.resolve() for target in targets if not target.missing]
        for format in formats:
            check_expectations(format)
    names = [format.name for format in formats]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Wrong(f"formats that are asked together need different names: {', '.join(twice)} stands for more than one")
    return formats


@contextlib.contextmanager
def _said_in_one_line() -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, ImportError) as error:
        raise Wrong(str(error)) from None


def _survey(options: argparse.Namespace, rest: list[str]) -> int:
    from ..reports.declaration import declaration
    from ..runner.survey import survey

    if unknown := [word for word in rest if word.startswith("-")]:
        raise Wrong(f"unrecognized arguments: {' '.join(unknown)} (see pytest-ckpt survey --help)")
    options.formats += rest
    _check_draws(options)
    targets = _targets(options)
    formats = _resolved(targets)
    _check_select(options, formats)
    seed = random.SystemRandom().randrange(1 << 32) if options.seed == "random" else int(options.seed or 0)
    # What a library logs about a save that fails is said by the verdict.
    logging.disable(logging.CRITICAL)
    try:
        for target in targets:
            if target.missing:
                print(f"# {target.name}: not asked: it {target.missing}")
        for format in formats:
            select, progress = options.select or "all", _progress if sys.stderr.isatty() else None
            accepts, results = survey(format.isolated(), options.examples, seed, select, progress)
            print(f"# {format.name}: {len(results)} checks asked, {sum(result.skipped is not None for result in results)} skipped", end="")
            print(f"; --seed={seed}" if options.seed == "random" else "")
            for line in declaration(accepts, results):
                print(line)
    finally:
        logging.disable(logging.NOTSET)
    return AS_DECLARED


def _progress(number: int, count: int, result: Result) -> None:
    print(f"\r\033[K{number}/{count} {result.check}", end="" if number < count else "\r\033[K", file=sys.stderr, flush=True)


def _report(options: argparse.Namespace, _: list[str]) -> int:
    from ..reports.markdown import page
    from ..reports.record import read_record

    try:
        records = [read_record(pathlib.Path(name)) for name in options.records]
    except (ValueError, OSError) as error:
        raise Wrong(str(error)) from None
    print(page(records), end="")
    return AS_DECLARED


def _list(options: argparse.Namespace, _: list[str]) -> int:
    from ..backends import check_name, known_backends, missing
    from ..checks import CHECKS, checks_for
    from ..formats import backend_of, known_formats
    from ..formats import missing as missing_for

    if options.backend:
        with _said_in_one_line():
            check_name(options.backend)
    rows: list[tuple[str, str]]
    if options.what == "backends":
        rows = [(name, missing(name) or "installed") for name in known_backends()]
        rows = [row for row in rows if options.backend in (None, row[0])]
    elif options.what == "formats":
        rows = [(name, backend_of(name)) for name in known_formats() if options.backend in (None, backend_of(name))]
        rows = [(name, backend if (lacks := missing_for(name)) is None else f"{backend}; {lacks}") for name, backend in rows]
    else:
        checks = checks_for(options.backend) if options.backend else CHECKS.values()
        rows = [(check.name, f"{check.level}: {check.why.splitlines()[0]}") for check in checks]
    width = max((len(name) for name, _ in rows), default=0)
    for name, what in rows:
        print(f"{name.ljust(width)}  {what}")
    return AS_DECLARED


def _explain(options: argparse.Namespace, _: list[str]) -> int:
    from ..checks import CHECKS, check_pattern
    from ..expectations import matches

    with _said_in_one_line():
        for name in options.checks:
            check_pattern(name)
    for check in CHECKS.values():
        if any(name == "all" or matches(check.name, name) for name in options.checks):
            asked = ", in processes of its own" if check.apart else ""
            right = f"; {', '.join(sorted(check.allows))} is a right answer, too" if check.allows else ""
            print(f"{check.name} ({check.level}{asked}{right})")
            print("\n".join(f"    {line}".rstrip() for line in check.why.splitlines()), end="\n\n")
    return AS_DECLARED
