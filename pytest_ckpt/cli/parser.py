"""The arguments of the command line. Parsing them imports neither numpy nor a framework."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn


class CommandLineError(Exception):
    """The command line is wrong. The message is shown as one line."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandLineError(f"{message} (see {self.prog} --help)")


class _AppendNames(argparse.Action):
    """Collects names, several in one value separated by commas."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        assert isinstance(values, str)
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest) or ()), *values.split(",")])


def parse(arguments: Iterable[str]) -> tuple[argparse.Namespace, list[str]]:
    """Return the options, and the arguments that are options of pytest or wrong. Raises CommandLineError."""
    return _parser().parse_known_args(_join_exclusions(arguments))


def _join_exclusions(arguments: Iterable[str]) -> list[str]:
    """Replace ``--select -NAME`` by ``--select=-NAME``, because argparse takes ``-NAME`` for another option."""
    joined: list[str] = []
    for argument in arguments:
        if joined and joined[-1] == "--select" and argument.startswith("-") and not argument.startswith("--"):
            joined[-1] = f"--select={argument}"
        else:
            joined.append(argument)
    return joined


def _parser() -> _Parser:
    from .. import __version__

    parser = _Parser(
        prog="pytest-ckpt", description="Check that save and load functions restore checkpoints bit for bit.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"pytest-ckpt {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="{run,survey,report,list,explain}", parser_class=_Parser)
    _add_run(commands)
    _add_survey(commands)
    report = commands.add_parser("report", help="print a Markdown page from files of 'run --json'", allow_abbrev=False)
    report.add_argument("records", nargs="+", metavar="FILE", help="a file that 'pytest-ckpt run --json' has written")
    listing = commands.add_parser("list", help="list formats, checks or backends", allow_abbrev=False)
    listing.add_argument("what", nargs="?", choices=("formats", "checks", "backends"), default="formats", help="default: formats")
    listing.add_argument("--backend", metavar="NAME", help="list only those of this backend")
    explain = commands.add_parser("explain", help="print what a check asserts, why, and what to do if it fails", allow_abbrev=False)
    explain.add_argument("checks", nargs="+", metavar="CHECK", help="a check, a family or a glob")
    return parser


def _add_run(commands: argparse._SubParsersAction[_Parser]) -> None:
    run = commands.add_parser(
        "run", help="run the checks of formats and print a table of the results", allow_abbrev=False,
        description="Run the checks of formats and print a table of the results. "
        "The exit code is 0 if every check has the expected result, 1 if one has not, and 2 if the command line is wrong.",
        epilog="Other options of pytest are passed on. Write their values with '=': --maxfail=3, --durations=5.",
    )  # fmt: skip
    run.add_argument(
        "formats", nargs="*", metavar="FORMAT",
        help="the name of a built-in format, or module:object (default: all formats of the installed backends)",
    )  # fmt: skip
    _add_functions(run)
    run.add_argument(
        "--select", action=_AppendNames, metavar="NAME",
        help="run only these checks: a family, a check or a glob, several separated by commas; -NAME excludes; "
        "'all' selects every check (can be given multiple times; default: the core checks)",
    )  # fmt: skip
    _add_examples(run)
    run.add_argument(
        "--in-process", action="store_true",
        help="run the checks in this process, for a debugger (default: in a worker process for each format, which may crash or hang)",
    )  # fmt: skip
    run.add_argument("--json", metavar="FILE", help="write the results to FILE, for 'pytest-ckpt report'")
    run.add_argument("--keep-files", metavar="FOLDER", help="copy the checkpoint files that show a failure to FOLDER")
    pytest_options = run.add_argument_group("options of pytest")
    pytest_options.add_argument("-n", metavar="NUM", help="run checks in NUM processes (needs pytest-xdist)")
    pytest_options.add_argument("-k", metavar="EXPRESSION", help="run only checks whose names match, for example 'dtype and not float8'")
    pytest_options.add_argument("-x", action="store_true", help="stop at the first failure")
    pytest_options.add_argument("-v", action="count", default=0, help="print a line for each check")
    pytest_options.add_argument("--junitxml", metavar="FILE", help="write a report in JUnit XML format")


def _add_survey(commands: argparse._SubParsersAction[_Parser]) -> None:
    survey = commands.add_parser(
        "survey", help="find out what a format restores, and print its expected_failures", allow_abbrev=False,
        description="Run every check without expected failures, and print accepts= and expected_failures= ready to paste.",
    )  # fmt: skip
    survey.add_argument("formats", nargs="*", metavar="FORMAT", help="the name of a built-in format, or module:object")
    _add_functions(survey)
    survey.add_argument("--select", action=_AppendNames, metavar="NAME", help="run only these families, checks or globs (default: all)")
    _add_examples(survey)


def _add_functions(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", metavar="M:F", help="check this save function, save(tree, path), instead of a FORMAT")
    parser.add_argument("--load", metavar="M:F", help="the load function for --save, load(path)")
    parser.add_argument("--backend", metavar="NAME", help="the backend of --save and --load; without them: run the formats of this backend")
    parser.add_argument("--accepts", choices=("tensor", "list", "dict", "tree"), help="what --save accepts (default: tree)")
    parser.add_argument("--suffix", metavar="TEXT", help="the suffix of the paths that --save gets, for example .npz")
    parser.add_argument("--template", action="store_true", help="call --load as load(path, template)")


def _add_examples(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--examples", type=int, metavar="N", help="draw N examples for each check in addition to the fixed examples (default: 15)"
    )
    parser.add_argument("--seed", metavar="N", help="seed for drawing examples (default: 0), or 'random' for a new seed in each run")
