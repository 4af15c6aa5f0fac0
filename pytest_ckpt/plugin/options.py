"""The command line options and ini settings that the plugin adds to pytest."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import pytest


class _Select(argparse.Action):
    """Collects names, several in one value separated by commas.

    argparse takes a value that begins with "-" for another option. The option is therefore declared
    with an optional value, so that a missing value gets an error that states the fix.
    """

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        if not isinstance(values, str):
            raise argparse.ArgumentError(self, f"expected a name; to exclude checks, write {option_string}=-NAME, with '='")
        setattr(namespace, self.dest, [*(getattr(namespace, self.dest, None) or ()), *values.split(",")])


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ckpt", "checkpoint checks (pytest-ckpt)")
    group.addoption("--ckpt-backend", action="append", metavar="NAME", help="run only tests of this backend (can be given multiple times)")
    group.addoption(
        "--ckpt-select", action=_Select, nargs="?", metavar="NAME",
        help="run only these checks: a family, a check or a glob, several separated by commas; --ckpt-select=-NAME excludes; "
        "'all' selects every check (can be given multiple times)",
    )  # fmt: skip
    group.addoption(
        "--ckpt-examples", type=int, metavar="N", help="draw N examples for each check in addition to the fixed examples (default: 15)"
    )
    group.addoption("--ckpt-seed", metavar="N", help="seed for drawing examples (default: 0), or 'random' for a new seed in each run")
    group.addoption("--ckpt-regressions", metavar="FILE", help="run the counterexamples stored in FILE first")
    group.addoption("--ckpt-update-regressions", action="store_true", help="add new counterexamples to that file")
    group.addoption("--ckpt-keep-files", metavar="FOLDER", help="copy the checkpoint files that show a failure to FOLDER")
    parser.addini("ckpt_backends", "backends for the fixtures (default: all installed backends)", type="args", default=[])
    parser.addini("ckpt_select", "checks to run by default: families, checks and globs", type="args", default=[])
    parser.addini("ckpt_examples", "number of examples to draw for each check (default: 15)", default="")
    parser.addini("ckpt_regressions", "file of stored counterexamples, relative to the ini file", default="")
