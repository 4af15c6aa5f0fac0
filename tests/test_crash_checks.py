"""The family `crash` through `check_format`: verdicts, skips, and counterexamples on disk."""

from __future__ import annotations

import os
import pathlib
import shutil
import stat
import sys
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, Verdict, check_format
from pytest_ckpt.checks import CHECKS
from pytest_ckpt.execution.context import Context
from pytest_ckpt.execution.crash.replay import _RECORDINGS
from pytest_ckpt.execution.dispatch import expand, run_example
from pytest_ckpt.runner import Runner
from pytest_ckpt.specs import CrashState, CrashSweep, InterruptCase, InterruptSweep, TensorSpec, from_json, to_json

from .faults.checksummed import checksummed_format, decode, encode, verify_checksum, write_atomically
from .faults.crash import write_and_rename, write_in_place, write_sync_and_rename
from .test_crash_model import processes_with

SERIES = ("crash/kill", "crash/power-loss", "crash/durable")


# Each way to write adds one step and passes one more check.


@pytest.mark.parametrize(
    ("write", "kept"),
    [
        (write_in_place, []),
        (write_and_rename, ["crash/kill"]),
        (write_sync_and_rename, ["crash/kill", "crash/power-loss"]),
        (write_atomically, ["crash/kill", "crash/power-loss", "crash/durable"]),
    ],
)
def test_each_step_of_a_write_passes_one_more_check(write: Any, kept: list[str]) -> None:
    results = check_format(checksummed_format("numpy", write=write), select=SERIES)
    assert [result.check for result in results if result.verdict is Verdict.KEPT] == kept
    assert all(result.skipped is None and result.examples for result in results)


# Skips: tracing is impossible or incomplete.


def test_skips_when_file_is_written_through_memory_map() -> None:
    def save(array: Any, path: pathlib.Path) -> None:
        np.lib.format.open_memmap(path, "w+", array.dtype, array.shape)[...] = array

    mapped = Format(name="mapped", backend="numpy", save=save, load=np.load, accepts="tensor", suffix=".npy")
    (result,) = check_format(mapped, select=["crash/power-loss"])
    assert result.verdict is None
    assert result.skipped is not None
    assert "checkpoint.npy is mapped into memory" in result.skipped


def test_skips_without_strace(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    results = check_format(checksummed_format("numpy"), select=["crash"])
    skipped = {result.check: result.skipped for result in results if result.verdict is None}
    assert set(skipped) == {name for name in CHECKS if name.startswith("crash/")} - {"crash/exception"}
    assert {"strace" in str(reason) for reason in skipped.values()} == {True}


#: A program named strace that forbids itself ptrace by a seccomp filter, and then runs strace.
_STRACE_WITHOUT_PTRACE = """#!{python}
import ctypes, os, struct, sys
steps = [(0x20, 0, 0, 0), (0x15, 0, 1, {ptrace}), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program, 0, 0) == 0
os.execv({strace!r}, [{strace!r}, *sys.argv[1:]])
"""


def test_skips_when_tracing_is_forbidden(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ptrace = {"x86_64": 101, "aarch64": 117}[os.uname().machine]
    forbidden = tmp_path / "strace"
    forbidden.write_text(_STRACE_WITHOUT_PTRACE.format(python=sys.executable, ptrace=ptrace, strace=shutil.which("strace")))
    forbidden.chmod(forbidden.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (result,) = check_format(checksummed_format("numpy"), select=["crash/kill"])
    assert result.verdict is None
    assert str(result.skipped).startswith("strace cannot trace a process here")
    assert "Operation not permitted" in str(result.skipped)


# Specs, and counterexamples that run again.


def test_crash_specs_survive_repr_and_json() -> None:
    tensor = TensorSpec("float32", (2,))
    for spec in (
        CrashSweep("kill", tensor, tensor), CrashState("power-loss", tensor, None, 3, ((2, "all", 0), (3, "from", 512))),
        InterruptSweep(tensor), InterruptCase(tensor, tensor, 2),
    ):  # fmt: skip
        assert from_json(to_json(spec)) == spec
        assert eval(repr(spec), vars(sys.modules["pytest_ckpt.specs"])) == spec
    with pytest.raises(ValueError, match="unknown kind of crash 'fire': expected one of: kill, power-loss, durable, new-path"):
        CrashSweep("fire", tensor)


def test_files_of_counterexample_are_kept(tmp_path: pathlib.Path) -> None:
    format, check = checksummed_format("numpy", write=write_and_rename), CHECKS["crash/power-loss"]
    with Runner(format, select=[check.name]) as runner:
        result = runner.run(check)
        assert isinstance(result.counterexample, CrashState)
        recorded = list(runner.context.cache(_RECORDINGS).values())
        assert len(recorded) == 1
        before = recorded[0]
        run_example(runner.context, result.counterexample, keep_in=tmp_path / "left")
        assert list(runner.context.cache(_RECORDINGS).values()) == [before], "the recording is reused"
    (left,) = (tmp_path / "left").iterdir()
    assert left.name.endswith("-checkpoint")
    with pytest.raises(ValueError, match="the checksum does not match the data"):
        format.load(left)  # type: ignore[misc]
    with Context(format, tmp_path) as context:
        again = run_example(context, result.counterexample)
    assert again.unreadable is not None
    assert again.unreadable.startswith("after operation ")


def test_format_that_refuses_to_overwrite_runs_in_empty_folder() -> None:
    def save(path: pathlib.Path, data: bytes) -> None:
        if path.exists():
            raise FileExistsError(path)
        write_in_place(path, data)

    results = {result.check: result for result in check_format(checksummed_format("numpy", write=save), select=["crash"])}
    for name in ("crash/kill", "crash/power-loss", "crash/exception", "crash/new-path"):
        assert results[name].verdict is Verdict.KEPT, str(results[name])
    assert "does not overwrite a checkpoint" in results["crash/kill"].detail
    assert results["crash/durable"].verdict is Verdict.UNREADABLE


def test_passes_when_load_of_missing_file_returns_empty_tree(tmp_path: pathlib.Path) -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        path.mkdir(exist_ok=True)
        write_atomically(path / "data", encode("numpy", tree))

    def load(path: pathlib.Path) -> Any:
        return decode("numpy", verify_checksum((path / "data").read_bytes())) if (path / "data").exists() else {}

    lenient = Format(name="lenient", backend="numpy", save=save, load=load, accepts="dict")
    with Runner(lenient, select=["crash/new-path", "crash/kill"], folder=tmp_path) as runner:
        kill, new_path = runner.checks
        assert runner.run(kill).verdict is runner.run(new_path).verdict is Verdict.KEPT
        (sweep,) = new_path.examples(runner.profile)
        seen = [runner.judge(new_path, state) for state in expand(runner.context, sweep)]
    assert "load returns the same as for an empty location" in {each.detail for each in seen}


# Interrupts.


def test_interrupt_is_raised_at_each_change_on_disk() -> None:
    format, check = checksummed_format("numpy", write=write_in_place), CHECKS["crash/exception"]
    with Runner(format, select=[check.name]) as runner:
        (sweep,) = check.examples(runner.profile)
        cases = list(expand(runner.context, sweep))
        assert [case.at for case in cases] == [1, 2, 3, 4, 5, 6], "one truncation and five writes"
        seen = [runner.judge(check, case) for case in cases]
    assert [each.verdict for each in seen] == [Verdict.UNREADABLE] * 5 + [Verdict.KEPT]
    assert seen[0].detail.startswith("after change 1 of 6 (checkpoint has 0 bytes) a KeyboardInterrupt, raised in _write_pieces (crash.py:")


def test_interrupt_is_a_keyboard_interrupt(tmp_path: pathlib.Path) -> None:
    caught = tmp_path / "caught"

    def write(path: pathlib.Path, data: bytes) -> None:
        try:
            write_atomically(path, data)
        except KeyboardInterrupt:
            caught.write_bytes(b"")
            raise

    (result,) = check_format(checksummed_format("numpy", write=write), select=["crash/exception"])
    assert result.verdict is Verdict.KEPT
    assert caught.exists()


# Cleanup.


def test_leaves_no_process_and_no_file(tmp_path: pathlib.Path) -> None:
    with Runner(checksummed_format("numpy"), select=["crash"], folder=tmp_path) as runner:
        for check in runner.checks:
            assert runner.run(check).passed
        assert processes_with(str(tmp_path))
    assert not processes_with(str(tmp_path))
    assert not list(tmp_path.iterdir())
