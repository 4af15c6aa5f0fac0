"""Workers: processes that are started fresh, are asked, are limited, and whose end is a fact like others."""

from __future__ import annotations

import ctypes
import operator
import os
import pathlib
import random
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
from pytest_ckpt.execution.dispatch import Context
from pytest_ckpt.execution.process import lifetime as process
from pytest_ckpt.execution.registry import Workspace
from pytest_ckpt.runner import Result
from pytest_ckpt.specs import DictSpec, Fill, NamedScenario, TensorSpec
from pytest_ckpt.verdicts import Verdict
from pytest_ckpt.workers import CannotSerialize, Failed, Worker, WorkerDied, Workers, serialize

SECONDS = 30.0
TREE = DictSpec((("x", TensorSpec("float32", (4,), fill=Fill(1))),))


@pytest.fixture
def worker(tmp_path: pathlib.Path) -> Iterator[Worker]:
    found = Worker(tmp_path / "log")
    yield found
    found.stop()


def _called(worker: Worker, function: Callable[[], Any], **limits: Any) -> Any:
    """Has a worker call a function of this file, which travels by value."""
    return worker.ask(operator.call, serialize(function, [__name__]), **{"seconds": SECONDS, **limits})


def test_a_worker_is_kept_for_many_questions_and_is_started_fresh(worker: Worker) -> None:
    sys.modules["left_by_this_process"] = types.ModuleType("left_by_this_process")
    try:
        assert worker.ask(os.getpid, seconds=SECONDS) == worker.ask(os.getpid, seconds=SECONDS) == worker.process.pid
        assert not _called(worker, lambda: "left_by_this_process" in sys.modules)
    finally:
        del sys.modules["left_by_this_process"]


@pytest.mark.parametrize(
    ("function", "arguments", "limits", "said"),
    [
        (os.abort, (), {}, "died of SIGABRT"),
        (ctypes.string_at, (0,), {}, "died of SIGSEGV"),
        (os._exit, (3,), {}, "ended itself with the exit code 3"),
        (time.sleep, (60,), {"seconds": 0.3}, "hung: no answer within the limit of 0.3 s"),
        (bytes, (1 << 40,), {"memory": 64 << 20}, "ran out of its memory limit of 64 MiB"),
    ],
    ids=["abort", "fault", "exit", "hang", "memory"],
)
def test_how_a_worker_ends_is_told(worker: Worker, function: Any, arguments: Any, limits: Any, said: str) -> None:
    with pytest.raises(WorkerDied, match=said):
        worker.ask(function, *arguments, **{"seconds": SECONDS, **limits})


def test_the_last_words_of_a_worker_are_told(worker: Worker) -> None:
    with pytest.raises(WorkerDied, match=r"exit code 7; its last words: farewell"):
        _called(worker, lambda: (os.write(2, b"hello\nfarewell\n"), os._exit(7)))


def test_files_are_limited_and_limits_are_taken_off(worker: Worker, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "file"
    with pytest.raises(Failed, match="File too large"):
        worker.ask(pathlib.Path.write_bytes, file, b"x" * 1000, seconds=SECONDS, file_size=100)
    assert worker.ask(pathlib.Path.write_bytes, file, b"x" * 1000, seconds=SECONDS) == 1000
    assert worker.ask(len, bytes(100 << 20), seconds=SECONDS) == 100 << 20


def test_the_stacks_of_many_threads_are_not_taken_for_data(worker: Worker) -> None:
    """Libraries start some for each processor, and a machine may have many."""

    def threads() -> int:
        may_end = threading.Event()
        started = [threading.Thread(target=may_end.wait) for _ in range(100)]
        for each in started:
            each.start()
        may_end.set()
        for each in started:
            each.join()
        return len(started)

    assert _called(worker, threads) == 100


def test_a_pool_starts_a_new_worker_for_one_that_died_and_keeps_few(tmp_path: pathlib.Path) -> None:
    with Workers(tmp_path, alive=2) as pool:
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


def test_a_worker_ends_with_all_that_it_has_started(worker: Worker) -> None:
    started = _called(worker, lambda: subprocess.Popen(["sleep", "60"]).pid)
    assert _runs(started)
    worker.stop()
    assert _ends(lambda: not _runs(started))


@pytest.mark.parametrize("confined", [False, True], ids=["plain", "confined"])
def test_a_worker_ends_when_the_process_that_asked_it_is_killed(tmp_path: pathlib.Path, confined: bool) -> None:
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
    """Whether a condition comes true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
    return False


def test_what_cannot_travel_says_why() -> None:
    lock = threading.Lock()
    with pytest.raises(CannotSerialize, match=r"cannot pickle '_thread\.lock' object"):
        serialize(lambda: lock)


# Formats in workers ------------------------------------------------------------------------------------------------------


def _save(tree: Any, path: pathlib.Path) -> None:
    import pickle

    path.write_bytes(pickle.dumps(tree))


def _load(path: pathlib.Path) -> Any:
    import pickle

    return pickle.loads(path.read_bytes())


def _result(check: str = "dtype/float32", **more: Any) -> Result:
    functions = {"save": _save, "load": _load, **more}
    (result,) = check_format(Format(name="mine", backend="numpy", **functions), select=[check], examples=2)
    return result


def test_an_isolated_format_is_asked_in_another_process() -> None:
    here, seen = os.getpid(), []
    result = _result(isolate=True, load=lambda path: (seen.append(1), _load(path))[1] if os.getpid() != here else None)
    assert result.passed, str(result)
    assert seen == []


def _eat(path: pathlib.Path) -> Any:
    return [bytearray(b"x") * (16 << 20) for _ in range(1024)]


@pytest.mark.parametrize(
    ("load", "said"),
    [
        (lambda path: os.abort(), "SIGABRT"),
        (lambda path: os._exit(4), "exit code 4"),
        (lambda path: sys.exit(5), r"SystemExit\(5\)"),
        (lambda path: time.sleep(60), "hung: no answer within the limit of 1 s"),
        (_eat, "memory limit"),
    ],
    ids=["abort", "exit", "sys-exit", "hang", "memory"],
)
def test_a_loader_that_takes_its_process_with_it_is_crashed_and_the_run_goes_on(load: Any, said: str) -> None:
    import re

    format = Format(name="mine", backend="numpy", save=_save, load=load, isolate=True, time_limit=1.0 if "hung" in said else 60.0)
    results = check_format(format, select=["dtype/float32", "dtype/int32"], examples=0)
    assert [result.verdict for result in results] == [Verdict.CRASHED] * 2
    assert all(re.search(said, result.detail) for result in results), results[0].detail


def test_a_check_that_is_declared_crashed_is_asked_in_a_worker() -> None:
    result = _result(load=lambda path: os.abort(), expected_failures={"dtype/float32": crashed("it aborts, as is known")})
    assert result.verdict is Verdict.CRASHED
    assert result.passed


def test_a_format_that_cannot_travel_is_a_skip_that_says_so() -> None:
    lock = threading.Lock()

    def load(path: pathlib.Path) -> Any:
        with lock:
            return _load(path)

    result = _result("process/fresh-process", load=load)
    assert result.verdict is None
    assert "the object cannot be sent to another process: TypeError: cannot pickle '_thread.lock' object" in (result.skipped or "")
    assert not result.passed


def test_a_format_that_cannot_be_made_again_in_a_worker_is_a_skip_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("only_in_this_process")
    exec("def wait(result):\n    return result\n", module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for check in ("process/fresh-process", "files/disk-full", "crash/kill"):
        result = _result(check, wait=module.wait)
        assert result.verdict is None
        assert "the object cannot be unpickled in another process: ModuleNotFoundError: No module named" in (result.skipped or "")


def test_functions_of_a_script_travel_to_workers(tmp_path: pathlib.Path) -> None:
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


def test_functions_of_a_test_module_travel_to_workers(pytester: pytest.Pytester) -> None:
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

        @conformance(name="mine", backend="numpy", save=save, load=load, select=["process/fresh-process", "process/moved"])
        def test_mine(check):
            check()
        """
    )
    for mode in ("prepend", "importlib"):
        pytester.runpytest_subprocess(f"--import-mode={mode}", "-p", "no:cacheprovider").assert_outcomes(passed=2)


def test_a_peak_of_memory_that_cannot_be_measured_is_a_skip(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """Some containers let nobody write to their own `/proc`; then the highest peak that there ever was says nothing of a save."""
    monkeypatch.setattr(process, "peak_begins", lambda: False)
    with Context(Format(name="mine", backend="numpy", save=_save, load=_load), tmp_path) as trials:
        seen = process.memory(Workspace(trials, tmp_path / "checkpoint"), NamedScenario("process/memory", TREE, TREE))
    assert seen.skipped == "this machine does not say how much memory a process takes at its peak"


# What is left behind -----------------------------------------------------------------------------------------------------

#: How long the run below takes, at least; the moments of interruption are drawn from it.
LASTS = 4.0


@pytest.mark.parametrize("number", range(10))
def test_an_interrupted_run_leaves_no_process_no_file_and_no_mount(tmp_path: pathlib.Path, number: int) -> None:
    moment = random.Random(number).uniform(0.2, LASTS)
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


FAMILIES = ("crash", "files", "process", "corruption", "security")


def _marked(mark: str) -> list[str]:
    """The processes that have inherited a variable."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if mark.encode() in (entry / "environ").read_bytes().split(b"\0") and _runs(int(entry.name)):
                    found.append(entry.name)
            except OSError:
                continue
    return found
