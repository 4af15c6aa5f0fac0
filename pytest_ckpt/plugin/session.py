"""The state of one pytest session: its settings, runners, temporary folders and results."""

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
    """The state of one pytest session. It is created when pytest is configured, and closed when pytest ends.

    ``parent_folder`` is the folder of the controller if this process is a worker of pytest-xdist.
    The session's folder is made there, so that the controller can remove what a killed worker leaves.
    """

    def __init__(self, settings: Settings, parent_folder: str | None = None) -> None:
        self.settings = settings
        self.results: list[Result] = []
        #: The number of new counterexamples in the regressions file.
        self.written = 0
        self._failures: dict[str, None] = {}
        self._parent_folder = parent_folder
        self._stack = contextlib.ExitStack()
        self._runners: dict[Any, Runner] = {}
        self._workers: Workers | None = None
        self._folder: pathlib.Path | None = None
        self._numbers = itertools.count()
        self._in_test = False
        self._test_folders: list[pathlib.Path] = []
        self._reported: set[str] = set()

    def close(self) -> None:
        """End the workers and remove the session's folder."""
        self._stack.close()

    @property
    def folder(self) -> pathlib.Path:
        """The folder of the session. It is made when it is first used."""
        if self._folder is None:
            self._folder = self._stack.enter_context(_session_folder(self._parent_folder, self._end_workers))
        return self._folder

    @property
    def workers(self) -> Workers:
        """The workers of the session. All runners share them, which limits the number of live processes."""
        from ..workers import Workers

        if self._workers is None:
            self._workers = self._stack.enter_context(Workers(self.folder / "workers"))
        return self._workers

    def _end_workers(self) -> None:
        if self._workers is not None:
            self._workers.close()

    def fresh_folder(self) -> pathlib.Path:
        """Return a new folder.

        A folder that a test requests is removed after the test. A folder that a fixture requests may
        serve several tests, so it is removed with the session's folder.
        """
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        if self._in_test:
            self._test_folders.append(folder)
        return folder

    @contextlib.contextmanager
    def in_test(self) -> Iterator[None]:
        """Mark that a test function is running; its fixtures are already set up."""
        self._in_test = True
        try:
            yield
        finally:
            self._in_test = False

    def remove_test_folders(self) -> None:
        """Remove the folders that the test requested."""
        while self._test_folders:
            shutil.rmtree(self._test_folders.pop(), ignore_errors=True)

    def bind_checks(
        self, formats: Iterable[Format], select: Iterable[str] | None, examples: int | None, seed: int | None
    ) -> list[BoundCheck]:
        """Return the checks to run for ``formats``, with the arguments of their decorator.

        A format whose backend is excluded by an option has no checks. Raises ValueError, TypeError or
        ImportError for invalid arguments or a missing backend.
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
        from ..runner import Runner

        # A runner lives as long as the session and references its format, so the id stays unique.
        key = (id(format), select, examples, seed)
        if key not in self._runners:
            known = self.settings.known.get(format.name)
            places: Any = {"folder": self.folder, "workers": self.workers, "keep_files": self.settings.keep_files}
            runner = Runner(format, select, examples, seed, known, **places)
            self._runners[key] = self._stack.enter_context(runner)
        return self._runners[key]

    def rerun_command(self, item: pytest.Item) -> str:
        """Return the command that runs one item again, with the same examples."""
        name = item.nodeid.partition("::")[2]
        path = os.path.relpath(item.path, item.config.invocation_params.dir)
        options = [f"--ckpt-select={name}" for name in self.settings.option_select]
        return shlex.join(["pytest", f"{path}::{name}", *options, *self.settings.draw_options()])

    def write_regressions(self) -> None:
        """Add the counterexamples of failed checks to the regressions file. Call this once, in the controller."""
        from .regressions import merged, write_regressions

        path = self.settings.regressions
        assert path is not None
        found = [(each.format, each.check, each.counterexample) for each in self.results if each.failed and each.counterexample is not None]
        known, self.written = merged(self.settings.known, found)
        if self.written:
            write_regressions(path, known)

    def add_failure(self, failure: str) -> None:
        """Add an entry point that another process could not load."""
        self._failures[failure] = None

    def mark_reported(self, failure: str) -> None:
        """Mark an entry point that another part of the output reports."""
        self._reported.add(failure)

    def unreported_failures(self) -> list[str]:
        """Return the entry points that could not be loaded, in any process of the run, each once."""
        from ..util.entry_points import load_failures

        failures = dict.fromkeys([*map(str, load_failures()), *self._failures])
        return [failure for failure in failures if failure not in self._reported]


#: The key of the session in the stash of pytest's configuration.
SESSION = pytest.StashKey[Session]()


@contextlib.contextmanager
def _session_folder(parent: str | None, end_workers: Callable[[], object]) -> Iterator[pathlib.Path]:
    """Make a temporary folder that is removed even if SIGTERM ends the process, after ``end_workers`` has ended its users."""

    def clean_up() -> None:
        end_workers()
        remove_folder(folder)

    with temporary_folder(parent) as folder, _before_termination(clean_up):
        yield folder


@contextlib.contextmanager
def _before_termination(clean_up: Callable[[], object]) -> Iterator[None]:
    """Call ``clean_up`` before SIGTERM ends the process, unless the process has its own handler."""
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
