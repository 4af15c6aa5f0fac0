"""Workers: how they start, answer, are limited and end; and formats that are checked in a worker."""

from __future__ import annotations

import ctypes
import operator
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import threading
import time
import types
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_ckpt import Format, check_format, crashed
from pytest_ckpt.execution.context import Context, Workspace
from pytest_ckpt.execution.process.memory import memory
from pytest_ckpt.results import Result
from pytest_ckpt.specs import DictSpec, Fill, NamedScenario, TensorSpec
from pytest_ckpt.verdicts import Verdict
from pytest_ckpt.workers import CannotSerialize, RemoteError, Worker, WorkerDied, Workers, serialize
from pytest_ckpt.workers.child import settings
from pytest_ckpt.workers.protocol import WorkerSettings

SECONDS = 30.0
TREE = DictSpec((("x", TensorSpec("float32", (4,), fill=Fill(1))),))


@pytest.fixture
def worker(tmp_path: pathlib.Path) -> Iterator[Worker]:
    worker = Worker(tmp_path / "log")
    yield worker
    worker.stop()


def _call(worker: Worker, function: Callable[[], Any], **limits: Any) -> Any:
    """Call a function of this file in a worker. The function is serialized by value."""
    return worker.ask(operator.call, serialize(function, [__name__]), **{"seconds": SECONDS, **limits})


def test_worker_starts_fresh_and_answers_many_questions(worker: Worker) -> None:
    sys.modules["left_by_this_process"] = types.ModuleType("left_by_this_process")
    try:
        assert worker.ask(os.getpid, seconds=SECONDS) == worker.ask(os.getpid, seconds=SECONDS) == worker.process.pid
        assert not _call(worker, lambda: "left_by_this_process" in sys.modules)
    finally:
        del sys.modules["left_by_this_process"]


@pytest.mark.parametrize(
    ("function", "arguments", "limits", "message"),
    [
        (os.abort, (), {}, "died with SIGABRT"),
        (ctypes.string_at, (0,), {}, "died with SIGSEGV"),
        (os._exit, (3,), {}, "exited with code 3"),
        (time.sleep, (60,), {"seconds": 0.3}, "timed out: no answer within 0.3 s"),
        (bytes, (1 << 40,), {"memory": 64 << 20}, "exceeded its memory limit: 64 MiB"),
    ],
    ids=["abort", "fault", "exit", "timeout", "memory"],
)
def test_error_says_how_worker_died(worker: Worker, function: Any, arguments: Any, limits: Any, message: str) -> None:
    with pytest.raises(WorkerDied, match=message):
        worker.ask(function, *arguments, **{"seconds": SECONDS, **limits})


def test_error_shows_last_line_of_output(worker: Worker) -> None:
    with pytest.raises(WorkerDied, match=r"exited with code 7; its last output: farewell"):
        _call(worker, lambda: (os.write(2, b"hello\nfarewell\n"), os._exit(7)))


def test_expected_exception_is_raised_and_worker_lives(worker: Worker) -> None:
    with pytest.raises(ZeroDivisionError):
        worker.ask(divmod, 1, 0, seconds=SECONDS, raises=(ZeroDivisionError,))
    with pytest.raises(RemoteError, match="ZeroDivisionError"):
        worker.ask(divmod, 1, 0, seconds=SECONDS)
    assert worker.ask(divmod, 1, 1, seconds=SECONDS) == (1, 0)


def test_settings_are_known_only_in_the_worker(worker: Worker) -> None:
    assert settings() == WorkerSettings()
    assert worker.ask(settings, seconds=SECONDS).parent == os.getpid()


def test_limits_end_with_the_question(worker: Worker, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "file"
    with pytest.raises(RemoteError, match="File too large"):
        worker.ask(pathlib.Path.write_bytes, file, b"x" * 1000, seconds=SECONDS, file_size=100)
    assert worker.ask(pathlib.Path.write_bytes, file, b"x" * 1000, seconds=SECONDS) == 1000
    assert worker.ask(len, bytes(100 << 20), seconds=SECONDS) == 100 << 20


def test_stacks_of_many_threads_do_not_exceed_limit(worker: Worker) -> None:
    """A library may start threads for each processor, and a machine may have many processors."""

    def threads() -> int:
        may_end = threading.Event()
        started = [threading.Thread(target=may_end.wait) for _ in range(100)]
        for each in started:
            each.start()
        may_end.set()
        for each in started:
            each.join()
        return len(started)

    assert _call(worker, threads) == 100


def test_pool_replaces_dead_workers_and_keeps_its_size(tmp_path: pathlib.Path) -> None:
    with Workers(tmp_path, size=2) as pool:
        first = pool.get("first")
        with pytest.raises(WorkerDied):
            first.ask(os._exit, 1, seconds=SECONDS)
        second = pool.get("first")
        assert second.process.pid != first.process.pid
        others = [pool.get(role) for role in ("second", "third")]
        assert not second.alive
        assert all(each.alive for each in others)
    assert not any(each.alive for each in others)
    assert all(each.process.returncode is not None for each in (first, second, *others))


def test_stopping_a_worker_kills_its_children(worker: Worker) -> None:
    started = _call(worker, lambda: subprocess.Popen(["sleep", "60"]).pid)
    assert _runs(started)
    worker.stop()
    assert _ends(lambda: not _runs(started))


@pytest.mark.parametrize("confined", [False, True], ids=["plain", "confined"])
def test_worker_ends_when_its_parent_is_killed(tmp_path: pathlib.Path, confined: bool) -> None:
    more = f", confined=pathlib.Path({str(tmp_path)!r})" if confined else ""
    script = (
        "import pathlib, sys, time\nfrom pytest_ckpt.workers import Worker\n"
        f"worker = Worker(pathlib.Path({str(tmp_path / 'log')!r}){more})\nprint(worker.process.pid, flush=True)\n"
        "worker.ask(time.sleep, 60, seconds=90)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        number = int(process.stdout.readline())
        assert _runs(number)
        process.kill()
    assert _ends(lambda: not _runs(number))


def _runs(number: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _ends(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Return whether a condition becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
    return False


def test_serialize_reports_why_it_failed() -> None:
    lock = threading.Lock()
    with pytest.raises(CannotSerialize, match=r"cannot pickle '_thread\.lock' object"):
        serialize(lambda: lock)


# Formats that are checked in a worker


def _save(tree: Any, path: pathlib.Path) -> None:
    import pickle

    path.write_bytes(pickle.dumps(tree))


def _load(path: pathlib.Path) -> Any:
    import pickle

    return pickle.loads(path.read_bytes())


def _result(check: str = "dtype/float32", **more: Any) -> Result:
    functions = {"save": _save, "load": _load, **more}
    (result,) = check_format(Format(name="example", backend="numpy", **functions), select=[check], examples=2)
    return result


def test_isolated_format_runs_only_in_a_worker() -> None:
    here, seen = os.getpid(), []
    result = _result(isolate=True, load=lambda path: (seen.append(1), _load(path))[1] if os.getpid() != here else None)
    assert result.passed, str(result)
    assert seen == []


def _eat(path: pathlib.Path) -> Any:
    return [bytearray(b"x") * (16 << 20) for _ in range(1024)]


@pytest.mark.parametrize(
    ("load", "message"),
    [
        (lambda path: os.abort(), "SIGABRT"),
        (lambda path: os._exit(4), "exited with code 4"),
        (lambda path: sys.exit(5), r"SystemExit\(5\)"),
        (lambda path: time.sleep(60), "timed out: no answer within 1 s"),
        (_eat, "memory limit"),
    ],
    ids=["abort", "exit", "sys-exit", "timeout", "memory"],
)
def test_fatal_load_is_crashed_and_the_run_continues(load: Any, message: str) -> None:
    format = Format(
        name="example", backend="numpy", save=_save, load=load, isolate=True, time_limit=1.0 if "timed out" in message else 60.0
    )
    results = check_format(format, select=["dtype/float32", "dtype/int32"], examples=0)
    assert [result.verdict for result in results] == [Verdict.CRASHED] * 2
    assert all(re.search(message, result.detail) for result in results), results[0].detail


def test_check_expected_to_crash_runs_in_a_worker() -> None:
    result = _result(load=lambda path: os.abort(), expected_failures={"dtype/float32": crashed("the library aborts the process")})
    assert result.verdict is Verdict.CRASHED
    assert result.passed


def test_skips_when_format_cannot_be_serialized() -> None:
    lock = threading.Lock()

    def load(path: pathlib.Path) -> Any:
        with lock:
            return _load(path)

    result = _result("process/fresh-process", load=load)
    assert result.verdict is None
    assert "the object cannot be sent to another process: TypeError: cannot pickle '_thread.lock' object" in (result.skipped or "")
    assert not result.passed


def test_skips_when_format_cannot_be_unpickled(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("only_in_this_process")
    exec("def wait(result):\n    return result\n", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for check in ("process/fresh-process", "files/disk-full", "crash/kill"):
        result = _result(check, wait=module.wait)
        assert result.verdict is None
        assert "the object cannot be unpickled in another process: ModuleNotFoundError: No module named" in (result.skipped or "")


def test_functions_of_a_script_reach_workers(tmp_path: pathlib.Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import pickle\nfrom pytest_ckpt import Format, check_format\n"
        "def save(tree, path):\n    path.write_bytes(pickle.dumps(tree))\n"
        "load = lambda path: pickle.loads(path.read_bytes())\n"
        "print(check_format(Format(name='mine', backend='numpy', save=save, load=load), select=['process/fresh-process'])[0])\n"
    )
    ran = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert ran.stdout.startswith("mine [process/fresh-process]: KEPT")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["script.py"]


def test_functions_of_a_test_module_reach_workers(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_mine="""
        import pickle
        from pytest_ckpt import conformance

        def write(data, path):
            path.write_bytes(data)

        def save(tree, path):
            write(pickle.dumps(tree), path)

        def load(path):
            return pickle.loads(path.read_bytes())

        @conformance(name="example", backend="numpy", save=save, load=load, select=["process/fresh-process", "process/moved"])
        def test_mine(check):
            check()
        """
    )
    for mode in ("prepend", "importlib"):
        pytester.runpytest_subprocess(f"--import-mode={mode}", "-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_skips_when_memory_peak_cannot_be_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """In some containers `/proc` is read-only, so the peak includes everything before the save."""
    monkeypatch.setattr(sys.modules[memory.__module__], "reset_peak", lambda: False)
    with Context(Format(name="example", backend="numpy", save=_save, load=_load), tmp_path) as context:
        seen = memory(Workspace(context, tmp_path / "checkpoint"), NamedScenario("process/memory", TREE, TREE))
    assert seen.skipped == "this system does not report the peak of a process's memory"


# Interrupted runs

#: The run below takes at least so many seconds. The moment of the interruption is drawn from them.
RUN_SECONDS = 4.0
FAMILIES = ("crash", "files", "process", "corruption", "security")


@pytest.mark.parametrize("number", range(10))
def test_interrupted_run_leaves_no_process_file_or_mount(tmp_path: pathlib.Path, number: int) -> None:
    moment = random.Random(number).uniform(0.2, RUN_SECONDS)
    folder, temporary = tmp_path / "project", tmp_path / "temporary"
    folder.mkdir()
    temporary.mkdir()
    mark = f"CKPT_TEST_MARK={uuid.uuid4()}"
    environment = {**os.environ, "TMPDIR": str(temporary), "PYTEST_ADDOPTS": "", **dict([mark.split("=")])}
    mounts = pathlib.Path("/proc/self/mountinfo").read_text()
    command = [sys.executable, "-m", "pytest_ckpt", "run", "numpy.savez", *(f"--select={family}" for family in FAMILIES)]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT if number % 2 else signal.SIGTERM)
        process.wait(60)
    assert _ends(lambda: _marked(mark) == []), f"interrupted after {moment:.2f} s"
    assert list(temporary.iterdir()) == []
    assert list(folder.iterdir()) == []
    assert pathlib.Path("/proc/self/mountinfo").read_text() == mounts


def _marked(mark: str) -> list[str]:
    """Return the processes whose environment has this variable."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if mark.encode() in (entry / "environ").read_bytes().split(b"\0") and _runs(int(entry.name)):
                    found.append(entry.name)
            except OSError:
                continue
    return found
