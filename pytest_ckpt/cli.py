"""The command line: `pytest-ckpt run`, `survey` and `list`. It drives pytest; the checks are the same items."""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from .formats.base import Format
    from .runner import Result
    from .targets import Target

#: Exit codes: all is as declared, something is not, the command line is wrong.
AS_DECLARED, NOT_AS_DECLARED, USAGE = 0, 1, 2


class Wrong(Exception):
    """Wrong usage; the message is the one-line reason."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Wrong(f"{message} (see {self.prog} --help)")


def _parser() -> _Parser:
    parser = _Parser(prog="pytest-ckpt", description="Does what was saved come back? Checks of save and load functions.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{run,survey,list}", parser_class=_Parser)
    run = commands.add_parser(
        "run", help="ask formats, and print a matrix",
        description="Asks the checks of formats and prints a matrix. Other options go to pytest: -n, -k, -x, -v, --junitxml.",
    )  # fmt: skip
    run.add_argument(
        "formats", nargs="*", metavar="FORMAT", help="a built-in name or module:object (default: all of the installed backends)"
    )
    _functions(run)
    run.add_argument(
        "--select", action="append", metavar="NAME", help="family, check or glob; '-NAME' leaves out; 'all' (default: the core checks)"
    )
    run.add_argument("--examples", type=int, metavar="N", help="examples to draw for each check")
    run.add_argument("--seed", metavar="N", help="the seed of drawn examples, or 'random'")
    survey = commands.add_parser(
        "survey", help="learn what a format keeps, and print its declaration",
        description="Asks every check without expectations, and prints accepts= and expected_failures= ready to paste.",
    )  # fmt: skip
    survey.add_argument("formats", nargs="*", metavar="FORMAT", help="a built-in name or module:object")
    _functions(survey)
    survey.add_argument("--examples", type=int, metavar="N", help="examples to draw for each check")
    survey.add_argument("--seed", type=int, metavar="N", help="the seed of drawn examples")
    listing = commands.add_parser("list", help="list formats, checks or backends, one name first on each line")
    listing.add_argument("what", nargs="?", choices=("formats", "checks", "backends"), default="formats")
    listing.add_argument("--backend", metavar="NAME", help="only those of this backend")
    return parser


def _functions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", metavar="M:F", help="a save function, save(tree, path)")
    parser.add_argument("--load", metavar="M:F", help="its load function, load(path)")
    parser.add_argument("--backend", metavar="NAME", help="the backend of --save and --load, or whose formats to run")
    parser.add_argument("--accepts", choices=("tensor", "list", "dict", "tree"), default="tree", help="what --save accepts (default: tree)")
    parser.add_argument("--suffix", default="", help="how paths given to --save end")
    parser.add_argument("--template", action="store_true", help="--load is load(path, template)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with _interruptible():
        try:
            if os.getcwd() not in sys.path:
                sys.path.insert(0, os.getcwd())
            options, rest = _parser().parse_known_args(given)
            if rest and options.command != "run":
                raise Wrong(f"unrecognized arguments: {' '.join(rest)}")
            return {"run": _run, "survey": _survey, "list": _list}[options.command](options, rest)
        except Wrong as error:
            print(f"pytest-ckpt: {error}", file=sys.stderr)
            return USAGE
        except KeyboardInterrupt:
            print("pytest-ckpt: interrupted", file=sys.stderr)
            return 130


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

    targets = _targets(options)
    formats = _resolved(targets)
    from .checks import check_pattern, select_checks

    for name in options.select or ():
        try:
            check_pattern(name.removeprefix("-"))
        except ValueError as error:
            raise Wrong(str(error)) from None
    if not any(select_checks(format.backend, options.select) for format in formats):
        raise Wrong(
            f"{', '.join(format.name for format in formats)}: none of the checks {', '.join(options.select)} can be asked of this backend"
        )
    if options.examples is not None and options.examples < 0:
        raise Wrong(f"--examples takes a number of examples, 0 or more, not {options.examples}")
    if options.seed is not None and options.seed != "random" and not options.seed.isdigit():
        raise Wrong(f"--seed takes a whole number or 'random', not {options.seed!r}")
    suite = os.path.join(os.path.dirname(__file__), "suite.py")
    settings = os.path.join(os.path.dirname(__file__), "suite.ini")
    # What a library prints about a save that fails is said by the verdict.
    command = [suite, "-c", settings, "-p", "no:cacheprovider", "-p", "no:benchmark", "-q", "--tb=short", "--show-capture=no", "-rfE"]
    command += [f"--ckpt-format={target.text()}" for target in targets]
    command += [f"--ckpt-select={name}" for name in options.select or ()]
    command += [f"--ckpt-examples={options.examples}"] if options.examples is not None else []
    command += [f"--ckpt-seed={options.seed}"] if options.seed is not None else []
    code = pytest.main([*command, *rest])
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise Wrong("no check was left to ask")
    return int(code)


def _targets(options: argparse.Namespace) -> list[Target]:
    """The formats that the command line names."""
    from .backends import check_name, is_installed
    from .formats import backend_of, installed_formats
    from .targets import Target

    if bool(options.save) != bool(options.load):
        raise Wrong("--save and --load come together; only one is given")
    if options.save:
        if not options.backend:
            raise Wrong("--save and --load need --backend, the framework whose tensors they take")
        if options.formats:
            raise Wrong(f"either FORMAT or --save and --load, not both: {' '.join(options.formats)}")
        fields = ("save", "load", "backend", "accepts", "suffix", "template")
        return [Target(**{field: getattr(options, field) for field in fields})]
    names = options.formats
    if not names and options.command == "survey":
        raise Wrong("survey needs a FORMAT, or --save and --load with --backend")
    if not names:
        if options.backend:
            try:
                check_name(options.backend)
            except ValueError as error:
                raise Wrong(str(error)) from None
            if not is_installed(options.backend):
                raise Wrong(f"the backend {options.backend!r} is not installed: pip install 'pytest-ckpt[{options.backend}]'")
        names = [name for name in installed_formats() if not options.backend or backend_of(name) == options.backend]
        if not names:
            raise Wrong("no framework with a built-in format is installed")
    return [Target(name) for name in names]


def _resolved(targets: list[Target]) -> list[Format]:
    """The formats themselves, so that what is wrong is said before anything runs."""
    from .runner import check_expectations

    formats = []
    for target in targets:
        try:
            formats.append(target.resolve())
            check_expectations(formats[-1])
        except (ValueError, TypeError, ImportError) as error:
            raise Wrong(str(error)) from None
    return formats


def _survey(options: argparse.Namespace, _: list[str]) -> int:
    from .reports.survey import declaration
    from .survey import survey

    # What a library logs about a save that fails is said by the verdict.
    logging.disable(logging.CRITICAL)
    for format in _resolved(_targets(options)):
        accepts, results = survey(format, options.examples, options.seed, _progress if sys.stderr.isatty() else None)
        skipped = [result for result in results if result.skipped]
        print(f"# {format.name}: {len(results)} checks asked, {len(skipped)} of them could not be answered")
        for line in declaration(accepts, results):
            print(line)
    return AS_DECLARED


def _progress(number: int, count: int, result: Result) -> None:
    print(f"\r\033[K{number}/{count} {result.check}", end="" if number < count else "\r\033[K", file=sys.stderr, flush=True)


def _list(options: argparse.Namespace, _: list[str]) -> int:
    from .backends import BUILTIN, check_name, is_installed, known_backends
    from .checks import CHECKS, checks_for
    from .formats import backend_of, known_formats

    if options.backend:
        try:
            check_name(options.backend)
        except ValueError as error:
            raise Wrong(str(error)) from None
    rows: list[tuple[str, str]]
    if options.what == "backends":
        rows = [(name, "installed" if is_installed(name) else f"needs {BUILTIN[name][0]}") for name in known_backends()]
        rows = [row for row in rows if options.backend in (None, row[0])]
    elif options.what == "formats":
        rows = [(name, backend_of(name)) for name in known_formats() if options.backend in (None, backend_of(name))]
        rows = [(name, backend if is_installed(backend) else f"{backend}, not installed") for name, backend in rows]
    else:
        checks = checks_for(options.backend) if options.backend else CHECKS.values()
        rows = [(check.name, f"{check.level}: {check.why.splitlines()[0]}") for check in checks]
    width = max((len(name) for name, _ in rows), default=0)
    for name, what in rows:
        print(f"{name.ljust(width)}  {what}")
    return AS_DECLARED
