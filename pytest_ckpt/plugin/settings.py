"""The settings of a run. An option overrides the decorator, the decorator overrides the ini file, the ini file overrides the default."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .regressions import Known


class Settings:
    """The options and ini settings of one pytest session.

    Raises `pytest.UsageError`, with a message that states the fix, for invalid ones. If the seed is
    random, it is drawn here. ``drawn`` is the seed that another process of the same run has drawn.
    """

    def __init__(self, config: pytest.Config, drawn: str | None = None) -> None:
        self.config = config
        self.option_seed: str | None = config.getoption("--ckpt-seed")
        self.random = self.option_seed == "random"
        if self.random:
            self.option_seed = drawn or str(random.SystemRandom().randrange(1 << 32))
        self.known: Known = {}
        try:
            self._check_numbers()
            self._check_backends()
            self._check_selection()
            self._read_regressions()
        except (ValueError, ImportError, OSError) as error:
            raise pytest.UsageError(str(error)) from None

    def _check_numbers(self) -> None:
        seed, count, setting = self.option_seed, self.config.getoption("--ckpt-examples"), self.config.getini("ckpt_examples")
        if seed is not None and not is_number(seed):
            raise ValueError(f"--ckpt-seed must be an integer of at least 0, or 'random', got {seed!r}")
        if count is not None and count < 0:
            raise ValueError(f"--ckpt-examples must be an integer of at least 0, got {count}")
        if setting and not is_number(setting):
            raise ValueError(f"the setting ckpt_examples must be an integer of at least 0, got {setting!r}")

    def _check_backends(self) -> None:
        for origin, names in (("--ckpt-backend", self.option_backends), ("ckpt_backends", self.config.getini("ckpt_backends"))):
            for name in names:
                try:
                    check_installed(name)
                except (ValueError, ImportError) as error:
                    raise ValueError(f"{origin}: {error}") from None

    def _check_selection(self) -> None:
        for origin, names in (("--ckpt-select", self.option_select), ("ckpt_select", self.ini_select)):
            if names:
                from ..checks import parse_selection

                try:
                    parse_selection(names)
                except ValueError as error:
                    raise ValueError(f"{origin}: {error}") from None

    def _read_regressions(self) -> None:
        path = self.regressions
        if path is None:
            if self.updates:
                raise ValueError("--ckpt-update-regressions needs a file: add --ckpt-regressions=FILE, or set ckpt_regressions")
        elif path.exists():
            from ..checks import CHECKS
            from ..util.suggestions import nearest
            from .regressions import read_regressions

            self.known = read_regressions(path)
            for name in {check for checks in self.known.values() for check in checks if check not in CHECKS}:
                raise ValueError(f"{path}: unknown check {name!r}: {nearest(name, CHECKS)} Rename or remove it")
        elif self.config.getoption("--ckpt-regressions") and not self.updates:
            raise ValueError(f"--ckpt-regressions: the file {path} does not exist; --ckpt-update-regressions creates it")

    @property
    def option_backends(self) -> list[str]:
        """The backends that the command line names."""
        return list(self.config.getoption("--ckpt-backend") or ())

    @property
    def option_select(self) -> list[str]:
        """The checks that the command line selects."""
        return list(self.config.getoption("--ckpt-select") or ())

    @property
    def ini_select(self) -> list[str]:
        """The checks that the ini file selects."""
        return [name for names in self.config.getini("ckpt_select") for name in names.split(",") if name]

    @property
    def backends(self) -> list[str]:
        """The backends of the fixtures: those that an option or setting names, or otherwise all that are installed."""
        from ..backends import installed_backends

        return list(dict.fromkeys(self.option_backends or self.config.getini("ckpt_backends") or installed_backends()))

    def select(self, decorated: Iterable[str] | None) -> tuple[str, ...] | None:
        """Return the selection of checks; None means the default selection."""
        if self.option_select or decorated is None:
            decorated = self.option_select or self.ini_select
        return tuple(decorated) or None

    def examples(self, decorated: int | None) -> int | None:
        """Return the number of examples to draw for each check; None means the default number."""
        option: int | None = self.config.getoption("--ckpt-examples")
        if option is not None or decorated is not None:
            return option if option is not None else decorated
        setting = self.config.getini("ckpt_examples")
        return int(setting) if setting else None

    def seed(self, decorated: int | None) -> int | None:
        """Return the seed for drawing examples; None means the default seed."""
        return decorated if self.option_seed is None else int(self.option_seed)

    @property
    def regressions(self) -> pathlib.Path | None:
        """The absolute path of the regressions file.

        A path in an option is relative to the folder in which pytest was started, one in a setting to the ini file.
        """
        if given := self.config.getoption("--ckpt-regressions"):
            return self.config.invocation_params.dir / str(given)
        folder = self.config.inipath.parent if self.config.inipath else self.config.rootpath
        return folder / setting if (setting := self.config.getini("ckpt_regressions")) else None

    @property
    def keep_files(self) -> pathlib.Path | None:
        """The absolute path of the folder for files that show a failure."""
        given = self.config.getoption("--ckpt-keep-files")
        return self.config.invocation_params.dir / str(given) if given else None

    @property
    def updates(self) -> bool:
        """Whether new counterexamples are written to the regressions file."""
        return bool(self.config.getoption("--ckpt-update-regressions"))

    def draw_options(self, prefix: str = "--ckpt-") -> list[str]:
        """Return the options that make another run draw the same examples as this one."""
        count = self.config.getoption("--ckpt-examples")
        options = [f"{prefix}examples={count}"] if count is not None else []
        return [*options, f"{prefix}seed={self.option_seed}"] if self.option_seed is not None else options


def check_installed(backend: str) -> None:
    """Raise an error if the backend cannot be used: ValueError if its name is unknown, ImportError if it cannot be imported."""
    from ..backends import installed_backends, missing

    if (reason := missing(backend)) is not None:
        raise ImportError(f"{reason}; installed backends: {', '.join(installed_backends())}")


def is_number(text: object) -> bool:
    """Return whether ``text`` is a decimal integer of at least 0."""
    return str(text).isascii() and str(text).isdecimal()
