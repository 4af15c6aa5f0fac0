"""The settings of a run: the command line over what a decorator says over the ini file over the default.

Knows pytest's configuration, and asks no check.
"""

from __future__ import annotations

import pathlib
import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .regressions import Known


class Settings:
    """What the options and the ini file of one pytest session say. Raises `pytest.UsageError`, with what is possible, for what
    cannot be. A seed that is left to chance is drawn here, unless another process of the same run has drawn it: ``drawn``."""

    def __init__(self, config: pytest.Config, drawn: str | None = None) -> None:
        self.config = config
        self.option_seed: str | None = config.getoption("--ckpt-seed")
        self.random = self.option_seed == "random"
        if self.random:
            self.option_seed = drawn or str(random.SystemRandom().randrange(1 << 32))
        self.known: Known = {}
        try:
            self._check_numbers()
            self._check_names()
            self._read_regressions()
        except (ValueError, ImportError, OSError) as error:
            raise pytest.UsageError(str(error)) from None

    def _check_numbers(self) -> None:
        seed, count, setting = self.option_seed, self.config.getoption("--ckpt-examples"), self.config.getini("ckpt_examples")
        if seed is not None and not is_number(seed):
            raise ValueError(f"--ckpt-seed takes a whole number, 0 or more, or 'random', not {seed!r}")
        if count is not None and count < 0:
            raise ValueError(f"--ckpt-examples takes a number of examples, 0 or more, not {count}")
        if setting and not is_number(setting):
            raise ValueError(f"the setting ckpt_examples takes a number of examples, 0 or more, not {setting!r}")

    def _check_names(self) -> None:
        for origin, names in (("--ckpt-backend", self.option_backends), ("ckpt_backends", self.config.getini("ckpt_backends"))):
            for name in names:
                try:
                    check_installed(name)
                except (ValueError, ImportError) as error:
                    raise ValueError(f"{origin}: {error}") from None
        for origin, names in (("--ckpt-select", self.option_select), ("ckpt_select", self.config.getini("ckpt_select"))):
            for name in names:
                from ..checks import check_pattern

                try:
                    check_pattern(name.removeprefix("-"))
                except ValueError as error:
                    raise ValueError(f"{origin}: {error}") from None

    def _read_regressions(self) -> None:
        path = self.regressions
        if path is None:
            if self.updates:
                raise ValueError("--ckpt-update-regressions needs a file: give --ckpt-regressions=FILE, or set ckpt_regressions")
        elif path.exists():
            from ..checks import CHECKS
            from ..util.suggestions import nearest
            from .regressions import read_regressions

            self.known = read_regressions(path)
            for name in {check for checks in self.known.values() for check in checks if check not in CHECKS}:
                raise ValueError(f"{path}: unknown check {name!r}: {nearest(name, CHECKS)} Rename it, or take it out")
        elif self.config.getoption("--ckpt-regressions") and not self.updates:
            raise ValueError(f"--ckpt-regressions: there is no file {path}; --ckpt-update-regressions makes it")

    @property
    def option_backends(self) -> list[str]:
        return list(self.config.getoption("--ckpt-backend") or ())

    @property
    def option_select(self) -> list[str]:
        return list(self.config.getoption("--ckpt-select") or ())

    @property
    def backends(self) -> list[str]:
        """The backends of the fixtures: those that are named, or all that are installed."""
        from ..backends import installed_backends

        return list(dict.fromkeys(self.option_backends or self.config.getini("ckpt_backends") or installed_backends()))

    def select(self, decorated: Iterable[str] | None) -> tuple[str, ...] | None:
        """What to ask; None is the default."""
        if self.option_select or decorated is None:
            decorated = self.option_select or self.config.getini("ckpt_select")
        return tuple(decorated) or None

    def examples(self, decorated: int | None) -> int | None:
        """How many examples to draw; None is the default."""
        given: int | None = self.config.getoption("--ckpt-examples")
        if given is not None or decorated is not None:
            return given if given is not None else decorated
        setting = self.config.getini("ckpt_examples")
        return int(setting) if setting else None

    def seed(self, decorated: int | None) -> int | None:
        """The seed of what is drawn; None is the default."""
        return decorated if self.option_seed is None else int(self.option_seed)

    @property
    def regressions(self) -> pathlib.Path | None:
        """The file of counterexamples, absolute: an option counts from where pytest was called, a setting from the ini file."""
        if given := self.config.getoption("--ckpt-regressions"):
            return self.config.invocation_params.dir / str(given)
        above = self.config.inipath.parent if self.config.inipath else self.config.rootpath
        return above / setting if (setting := self.config.getini("ckpt_regressions")) else None

    @property
    def keep_files(self) -> pathlib.Path | None:
        """The folder in which files that show a failure are left, absolute."""
        given = self.config.getoption("--ckpt-keep-files")
        return self.config.invocation_params.dir / str(given) if given else None

    @property
    def updates(self) -> bool:
        """Whether new counterexamples are written."""
        return bool(self.config.getoption("--ckpt-update-regressions"))

    def repeated(self, prefix: str = "--ckpt-") -> list[str]:
        """The options of this run that decide which examples are drawn, for another run that draws the same."""
        count = self.config.getoption("--ckpt-examples")
        texts = [f"{prefix}examples={count}"] if count is not None else []
        return [*texts, f"{prefix}seed={self.option_seed}"] if self.option_seed is not None else texts


def check_installed(backend: str) -> None:
    """Raises ValueError for a backend that is not known, with the nearest name, and ImportError for one that is not installed."""
    from ..backends import installed_backends, missing

    if (lacks := missing(backend)) is not None:
        raise ImportError(f"{lacks}; installed are {', '.join(installed_backends())}")


def is_number(text: object) -> bool:
    """Whether an option's text is a whole number, 0 or more."""
    return str(text).isascii() and str(text).isdecimal()
