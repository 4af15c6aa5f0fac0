"""Validates the options of a command, and resolves the formats that they name, before anything runs."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from typing import TYPE_CHECKING

from packaging.version import Version

from .parser import CommandLineError

if TYPE_CHECKING:
    from ..formats.base import Format
    from .targets import Target


@contextlib.contextmanager
def errors_as_usage() -> Iterator[None]:
    """Turn errors that state the fix into a CommandLineError."""
    try:
        yield
    except (ValueError, TypeError, ImportError) as error:
        raise CommandLineError(str(error)) from None


def targets_of(options: argparse.Namespace) -> list[Target]:
    """Return the formats that the command line names, or all formats of the installed backends if it names none."""
    from .targets import Target

    if bool(options.save) != bool(options.load):
        raise CommandLineError("--save and --load must be given together")
    if options.save:
        if not options.backend:
            raise CommandLineError("--save and --load need --backend, the framework of their tensors")
        if options.formats:
            raise CommandLineError(f"FORMAT cannot be combined with --save and --load: {' '.join(options.formats)}")
        fields = ("save", "load", "backend", "accepts", "suffix", "template")
        return [Target(**{field: value for field in fields if (value := getattr(options, field))})]
    if unused := [f"--{name}" for name in ("accepts", "suffix", "template") if getattr(options, name)]:
        raise CommandLineError(f"{', '.join(unused)} can only be used with --save and --load")
    if options.formats and options.backend:
        raise CommandLineError(f"FORMAT cannot be combined with --backend, because each format has a backend: {' '.join(options.formats)}")
    if options.formats:
        return [Target(name) for name in dict.fromkeys(options.formats)]
    if options.command == "survey" and not options.backend:
        raise CommandLineError("survey needs a FORMAT, or --save and --load with --backend")
    return _installed_targets(options.backend)


def _installed_targets(backend: str | None) -> list[Target]:
    from ..backends import installed_backends, missing
    from ..formats import backend_of, installed_formats
    from .targets import Target

    with errors_as_usage():
        if backend and (reason := missing(backend)):
            raise CommandLineError(reason)
        installed_backends()  # loads those of third parties, so that the run reports one that is broken
        names = [name for name in installed_formats() if not backend or backend_of(name) == backend]
    if not names:
        raise CommandLineError("no backend with a built-in format is installed")
    return [Target(name, missing=_reason_missing(name)) for name in names]


def _reason_missing(name: str) -> str:
    """Return why a known format cannot run, or an empty text if it can."""
    from ..backends import missing as missing_backend
    from ..formats import backend_of, missing

    if reason := missing(name):
        return reason
    try:
        return missing_backend(backend_of(name)) or ""
    except ValueError as error:  # a third-party format of an unknown backend
        return str(error)


def resolved_formats(targets: list[Target]) -> list[Format]:
    """Return the formats of the targets that can run."""
    from ..runner import check_expectations

    with errors_as_usage():
        formats = [target.resolve() for target in targets if not target.missing]
        for format in formats:
            check_expectations(format)
    names = [format.name for format in formats]
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise CommandLineError(f"the formats of one run need different names; used more than once: {', '.join(duplicates)}")
    return formats


def check_selection(options: argparse.Namespace, formats: list[Format]) -> None:
    """Raise CommandLineError if --select names an unknown check, or no check of any of the formats."""
    from ..checks import parse_selection, select_checks

    try:
        parse_selection(options.select)
    except ValueError as error:
        raise CommandLineError(f"--select: {error}") from None
    if options.select and not any(select_checks(format.backend, options.select) for format in formats):
        names = ", ".join(format.name for format in formats)
        raise CommandLineError(f"{names}: --select {','.join(options.select)} selects no check for the backend")


def check_examples(options: argparse.Namespace) -> None:
    """Raise CommandLineError if --examples or --seed is not a valid number."""
    if options.examples is not None and options.examples < 0:
        raise CommandLineError(f"--examples must be an integer of at least 0, got {options.examples}")
    if options.seed is not None and options.seed != "random" and not (options.seed.isascii() and options.seed.isdecimal()):
        raise CommandLineError(f"--seed must be an integer of at least 0, or 'random', got {options.seed!r}")


def pytest_arguments(options: argparse.Namespace, rest: list[str]) -> list[str]:
    """Return the arguments to pass on to pytest.

    An argument in ``rest`` that is neither an option of pytest nor the value of one is a format, and
    is added to ``options.formats``.
    """
    if options.n is not None and importlib.util.find_spec("xdist") is None:
        raise CommandLineError("-n needs pytest-xdist: pip install pytest-xdist")
    passed = [f"-{letter}{value}" for letter in "nk" if (value := getattr(options, letter)) is not None]
    if options.n is not None and not any(argument.startswith("--dist") for argument in rest):
        # Run all checks of a format in one process. Otherwise each process would start workers for it.
        passed.append("--dist=loadscope")
        if Version(importlib.metadata.version("pytest-xdist")) >= Version("3.8"):
            # Keep the order of the formats, slow ones first. xdist would start with those of most checks.
            passed.append("--no-loadscope-reorder")
    passed += ["-x"] * options.x + ["-v"] * options.v + ([f"--junitxml={options.junitxml}"] if options.junitxml else [])
    for previous, argument in zip(["", *rest], rest, strict=False):
        if argument.startswith("-") or (previous.startswith("-") and "=" not in previous and ":" not in argument):
            passed.append(argument)
        else:
            options.formats.append(argument)
    return passed
