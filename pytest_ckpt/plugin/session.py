"""What one pytest session holds: its settings, its runners, its folder, and the results so far. Knows no hook."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import shlex
import shutil
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from ..util.tempdirs import remove_folder, temporary_folder
from .settings import Settings

if TYPE_CHECKING:
    from ..formats.base import Format
    from ..results import Result
    from ..runner import Runner
    from ..workers import Workers
    from .bound_check import BoundCheck


class Session:
    """Made when pytest is configured, closed when pytest is done, however it ends.

    ``above`` is the folder of the process that this one is a worker of: what a worker leaves is gone with it.
    """

    def __init__(self, settings: Settings, above: str | None = None) -> None:
        self.settings = settings
        self.results: list[Result] = []
        self.written = 0
        self._above = above
        self._stack = contextlib.ExitStack()
        self._runners: dict[Any, Runner] = {}
        self._workers: Workers | None = None
        self._folder: pathlib.Path | None = None
        self._numbers = itertools.count()
        self._in_test = False
        self._of_test: list[pathlib.Path] = []

    def close(self) -> None:
        self._stack.close()

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the session, made when it is first asked for."""
        if self._folder is None:
            self._folder = self._stack.enter_context(_session_folder(self._above, self._end_workers))
        return self._folder

    @property
    def workers(self) -> Workers:
        """The workers that all runners of the session share, so that few of them live at once."""
        from ..workers import Workers

        if self._workers is None:
            self._workers = self._stack.enter_context(Workers(self.folder / "workers"))
        return self._workers

    def _end_workers(self) -> None:
        if self._workers is not None:
            self._workers.close()

    def fresh_folder(self) -> pathlib.Path:
        """A new folder. One that a test asks for is gone after it; one that a fixture made may serve more than one test."""
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        if self._in_test:
            self._of_test.append(folder)
        return folder

    @contextlib.contextmanager
    def in_test(self) -> Iterator[None]:
        """Held while a test itself runs."""
        self._in_test = True
        try:
            yield
        finally:
            self._in_test = False

    def remove_folders_of_test(self) -> None:
        while self._of_test:
            shutil.rmtree(self._of_test.pop(), ignore_errors=True)

    def bound(self, formats: Iterable[Format], select: Iterable[str] | None, examples: int | None, seed: int | None) -> list[BoundCheck]:
        """The checks to ask of formats, where a decorator says so much; none for the backends that this run leaves out.

        Raises ValueError, TypeError or ImportError for what cannot be asked.
        """
        from .bound_check import BoundCheck
        from .settings import check_installed

        found = []
        for format in formats:
            if self.settings.option_backends and format.backend not in self.settings.option_backends:
                continue
            check_installed(format.backend)
            runner = self._runner(format, self.settings.select(select), self.settings.examples(examples), self.settings.seed(seed))
            found += [BoundCheck(runner, check) for check in runner.checks]
        return found

    def _runner(self, format: Format, select: tuple[str, ...] | None, examples: int | None, seed: int | None) -> Runner:
        """Runners last as long as the session, and hold their formats, so that an id stays one format's."""
        from ..runner import Runner

        key = (id(format), select, examples, seed)
        if key not in self._runners:
            known = self.settings.known.get(format.name)
            places: Any = {"folder": self.folder, "workers": self.workers, "keep_files": self.settings.keep_files}
            runner = Runner(format, select, examples, seed, known, **places)
            self._runners[key] = self._stack.enter_context(runner)
        return self._runners[key]

    def repeat(self, item: pytest.Item) -> str:
        """The command that runs one item again, with the same examples."""
        name = item.nodeid.partition("::")[2]
        path = os.path.relpath(item.path, item.config.invocation_params.dir)
        options = [f"--ckpt-select={name}" for name in self.settings.option_select]
        return shlex.join(["pytest", f"{path}::{name}", *options, *self.settings.repeated()])

    def write_regressions(self) -> None:
        """Adds the counterexamples of what failed to the file; called once, by the process that sums up."""
        from .regressions import merged, write_regressions

        path = self.settings.regressions
        assert path is not None
        found = [(cell.format, cell.check, cell.counterexample) for cell in self.results if cell.failed and cell.counterexample is not None]
        known, self.written = merged(self.settings.known, found)
        if self.written:
            write_regressions(path, known)


@contextlib.contextmanager
def _session_folder(above: str | None, before: Callable[[], object]) -> Iterator[pathlib.Path]:
    """A folder that is gone afterwards, also where the process is ended by SIGTERM and nobody else has a say in that; ``before``
    ends those who are at work in it."""

    def clean_up() -> None:
        before()
        remove_folder(folder)

    with temporary_folder(above) as folder, _before_termination(clean_up):
        yield folder


@contextlib.contextmanager
def _before_termination(clean_up: Callable[[], object]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def end(number: int, _: object) -> None:
        clean_up()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is end:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
