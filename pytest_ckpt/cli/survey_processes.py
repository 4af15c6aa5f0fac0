"""Run the checks of a survey, in this process or in several others."""

from __future__ import annotations

import argparse
import collections
import contextlib
import logging
import multiprocessing
import multiprocessing.connection
import pathlib
import signal
import warnings
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NoReturn

from ..results import Result
from ..runner.survey import Survey, without_declarations
from ..verdicts import Verdict
from .targets import Target

#: Seconds in which a process ends after a signal.
_PATIENCE = 10.0
#: A result, and the results of the checks that block it.
_Found = tuple[Result, list[Result]]


def run_in_order(
    target: Target, domain: Mapping[str, Any], options: argparse.Namespace, checks: Sequence[str], folder: pathlib.Path
) -> Iterator[Result]:
    """Yield the result of each check, in order, then those of checks that were not selected and block others.

    If a process is interrupted, first yield all results that are known.
    """
    blockers: dict[str, Result] = {}
    for result, blocking in _in_order(target, domain, options, checks, folder):
        yield result
        blockers.update({each.check: each for each in blocking})
    yield from (each for name, each in blockers.items() if each.failed and name not in checks)


def _in_order(
    target: Target, domain: Mapping[str, Any], options: argparse.Namespace, checks: Sequence[str], folder: pathlib.Path
) -> Iterator[_Found]:
    arguments = (target.to_text(), dict(domain), options.select, options.examples, options.seed, folder)
    processes = min(options.processes, len(checks))
    if processes < 2:
        with _survey(*arguments) as survey:
            for check in survey.checks:
                result = survey.run(check)
                yield result, survey.blockers_of(result)
        return
    known: dict[str, _Found] = {}
    waiting = collections.deque(checks)
    with contextlib.closing(_Processes(processes, arguments, checks)) as running:
        try:
            for found in running.results():
                known[found[0].check] = found
                while waiting and waiting[0] in known:
                    yield known.pop(waiting.popleft())
        except KeyboardInterrupt:
            yield from (known[check] for check in waiting if check in known)
            raise


class _Processes:
    """Processes that run checks, each one check after the other. `close` ends them."""

    def __init__(self, count: int, arguments: tuple[Any, ...], checks: Sequence[str]) -> None:
        self._arguments = arguments
        self._waiting = collections.deque(checks)
        self._busy: dict[Connection, tuple[BaseProcess, str]] = {}
        for _ in range(count):
            self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_work, args=(theirs, *self._arguments), daemon=False)
        process.start()
        theirs.close()
        self._assign(ours, process)

    def _assign(self, connection: Connection, process: BaseProcess) -> None:
        name = self._waiting.popleft()
        self._busy[connection] = (process, name)
        with contextlib.suppress(OSError):  # If the process has ended, there is no answer.
            connection.send(name)

    def results(self) -> Iterator[_Found]:
        """Yield results in the order in which they are known, each with those of the checks that block it."""
        while self._busy:
            for connection in multiprocessing.connection.wait(list(self._busy)):
                assert isinstance(connection, Connection)
                process, name = self._busy.pop(connection)
                try:
                    result, *blockers = (Result.from_json(each) for each in connection.recv())
                except (EOFError, OSError):
                    process.join(_PATIENCE)
                    result, blockers = _lost(self._arguments, name, process.exitcode), []
                    if self._waiting:
                        self._start()
                else:
                    if self._waiting:
                        self._assign(connection, process)
                    else:
                        _end(process)
                yield result, blockers

    def close(self) -> None:
        for process, _ in self._busy.values():
            process.terminate()
        for process, _ in self._busy.values():
            _end(process)


def _end(process: BaseProcess) -> None:
    process.terminate()
    process.join(_PATIENCE)
    if process.is_alive():
        process.kill()
        process.join()


def _lost(arguments: tuple[Any, ...], check: str, code: int | None) -> Result:
    format = Target.from_text(arguments[0]).resolve()
    text = f"the process of pytest-ckpt that ran this check ended with exit code {code}"
    return Result(format.name, format.backend, check, Verdict.ERROR, False, detail=text)


def _survey(target: str, domain: Mapping[str, Any], select: Sequence[str], examples: int | None, seed: int, folder: pathlib.Path) -> Survey:
    return Survey(without_declarations(Target.from_text(target).resolve(), domain), select, examples, seed, folder)


def _work(connection: Connection, *arguments: Any) -> None:
    """In another process: run checks until this process is terminated."""

    def end(*_: object) -> NoReturn:
        raise SystemExit(0)

    # The process that started this one is interrupted as well, and ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    with contextlib.suppress(EOFError, OSError), _survey(*arguments) as survey:
        checks = {check.name: check for check in survey.checks}
        while True:
            result = survey.run(checks[connection.recv()])
            connection.send([each.to_json() for each in (result, *survey.blockers_of(result))])
