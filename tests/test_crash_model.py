"""The crash model: recordings of real programs give the files on disk, and crashes lose what POSIX allows."""

from __future__ import annotations

import contextlib
import mmap
import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from pytest_ckpt.crash_model import (
    CannotFollow,
    DiskState,
    ProcessState,
    Recorder,
    describe,
    files_after,
    kill_states,
    marked_section,
    power_failure_states,
    replay,
    traced_worker,
)
from pytest_ckpt.crash_model.file_system import FileSystem, Operation, Resize, SetNames, Sync, Write
from pytest_ckpt.crash_model.recording import History
from pytest_ckpt.crash_model.strace_log import calls_in
from pytest_ckpt.crash_model.syscalls import follow
from pytest_ckpt.crash_model.tracker import Tracker
from pytest_ckpt.workers import Worker


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = traced_worker(tmp_path_factory.mktemp("traced") / "worker.log")
    yield worker
    worker.stop()


# Real programs. `Recorder.history` raises if the recording does not give the files on disk.


def _numpy_save(folder: pathlib.Path) -> None:
    np.save(folder / "a.npy", np.arange(3000.0))


def _numpy_savez(folder: pathlib.Path) -> None:
    np.savez(folder / "a.npz", x=np.arange(3000.0), y=np.ones(5))


def _numpy_savez_compressed(folder: pathlib.Path) -> None:
    np.savez_compressed(folder / "a.npz", x=np.arange(3000.0))


def _seeks(folder: pathlib.Path) -> None:
    with open(folder / "old", "r+b", buffering=0) as file:
        file.read(3)
        file.write(b"after what was read")
        file.seek(-4, os.SEEK_END)
        file.write(b"over the end")
        file.truncate(20)
        file.seek(100)
        file.write(b"behind a gap")


def _explicit_offsets(folder: pathlib.Path) -> None:
    descriptor = os.open(folder / "a", os.O_RDWR | os.O_CREAT)
    os.pwrite(descriptor, b"middle", 600)
    os.writev(descriptor, [b"first, ", b"second"])
    os.pwritev(descriptor, [b"x", b"y"], 1000)
    again = os.dup(descriptor)
    os.write(again, b", third")
    os.write(descriptor, b", fourth")
    os.posix_fallocate(descriptor, 0, 2000)
    os.ftruncate(again, 1500)
    os.close(descriptor)
    os.close(again)


def _appends(folder: pathlib.Path) -> None:
    with open(folder / "old", "ab") as one, open(folder / "old", "ab") as other:
        for number in range(4):
            for file in (one, other):
                file.write(b"%d" % number)
                file.flush()


def _threads(folder: pathlib.Path) -> None:
    def work(name: str) -> None:
        for _ in range(20):
            temporary = folder / f"{name}.tmp"
            with open(temporary, "wb", buffering=0) as file:
                file.write(os.urandom(700))
                file.write(name.encode())
                os.fsync(file.fileno())
            os.replace(temporary, folder / name)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _copies(folder: pathlib.Path) -> None:
    shutil.copyfile(folder / "old", folder / "copy")
    with open(folder / "old", "rb") as source, open(folder / "range", "wb") as target:
        os.copy_file_range(source.fileno(), target.fileno(), 5, 2)
    shutil.copytree(folder / "below", folder / "tree")


def _child_processes(folder: pathlib.Path) -> None:
    subprocess.run(["sh", "-c", "echo one > a; echo two >> a; cp a b; mv b c; mkdir d; ln -s ../a d/link"], cwd=folder, check=True)
    subprocess.run([sys.executable, "-S", "-c", f"open({str(folder / 'e')!r}, 'w').write('three')"], check=True)
    subprocess.run(["echo", "four"], stdout=open(folder / "f", "w"), check=True)  # noqa: SIM115


def _links_and_renames(folder: pathlib.Path) -> None:
    os.link(folder / "old", folder / "same")
    os.symlink("old", folder / "link")
    (folder / "link").write_bytes(b"through the link")
    os.rename(folder / "below", folder / "moved")
    (folder / "moved" / "more").write_bytes(b"more")
    descriptor = os.open(folder, os.O_RDONLY)
    os.mkdir("at", dir_fd=descriptor)
    os.rename("same", "at/same", src_dir_fd=descriptor, dst_dir_fd=descriptor)
    os.close(descriptor)
    shutil.rmtree(folder / "moved")


def _moves_into_folder(folder: pathlib.Path) -> None:
    elsewhere = pathlib.Path(tempfile.mkdtemp(dir=folder.parent))
    (elsewhere / "inner").mkdir()
    (elsewhere / "inner" / "file").write_bytes(b"written elsewhere")
    (elsewhere / "single").write_bytes(b"single")
    os.rename(elsewhere / "inner", folder / "inner")
    os.rename(elsewhere / "single", folder / "single")
    elsewhere.rmdir()


def _unnamed_file(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_WRONLY | os.O_TMPFILE)
    os.write(descriptor, b"named after it is complete")
    os.link(f"/proc/self/fd/{descriptor}", folder / "named", src_dir_fd=0, follow_symlinks=True)
    os.close(descriptor)


def _relative_paths(folder: pathlib.Path) -> None:
    with contextlib.chdir(folder):
        pathlib.Path("relative").write_bytes(b"relative")
        os.rename("relative", "below/here")


def _deleted_while_open(folder: pathlib.Path) -> None:
    with open(folder / "gone", "wb", buffering=0) as file:
        os.unlink(folder / "gone")
        file.write(b"not visible")
    (folder / "gone").write_bytes(b"another file of that name")


PROGRAMS: dict[str, Callable[[pathlib.Path], None]] = {
    program.__name__.strip("_"): program
    for program in (
        _numpy_save, _numpy_savez, _numpy_savez_compressed, _seeks, _explicit_offsets, _appends, _threads, _copies, _child_processes,
        _links_and_renames, _moves_into_folder, _unnamed_file, _relative_paths, _deleted_while_open,
    )
}  # fmt: skip


def _run(name: str, folder: str) -> ProcessState:
    """Run a program; called in the traced worker."""
    with marked_section() as state:
        {**PROGRAMS, **NOT_TRACEABLE}[name](pathlib.Path(folder))
    return state


def _record(worker: Worker, folder: pathlib.Path, name: str) -> History:
    (folder / "below").mkdir()
    (folder / "below" / "file").write_bytes(b"below")
    (folder / "old").write_bytes(b"the previous content")
    recorder = Recorder(worker, folder)
    return recorder.history(worker.ask(_run, name, str(folder), seconds=60))


@pytest.mark.parametrize("name", PROGRAMS)
def test_recording_gives_the_files_on_disk(worker: Worker, tmp_path: pathlib.Path, name: str) -> None:
    history = _record(worker, tmp_path, name)
    assert history.operations
    assert replay(history) == files_after(history, DiskState(len(history.operations)))
    for state in [*kill_states(history), *power_failure_states(history), *power_failure_states(history, returned=True)]:
        assert describe(history, state)


def test_descriptions_name_operation_and_file(worker: Worker, tmp_path: pathlib.Path) -> None:
    history = _record(worker, tmp_path, "seeks")
    assert [operation.description for operation in history.operations] == [
        "write of 19 bytes at 3 of old",
        "write of 12 bytes at 18 of old",
        "truncation of old to 20 bytes",
        "write of 12 bytes at 100 of old",
    ]


def test_sync_of_file_covers_its_writes_but_no_names(worker: Worker, tmp_path: pathlib.Path) -> None:
    history = _record(worker, tmp_path, "threads")
    for operation in history.operations:
        if isinstance(operation, Sync):
            covered = [history.operations[number] for number in operation.covers]
            assert len({each.node for each in covered if isinstance(each, Write)}) == 1
            assert not any(isinstance(each, SetNames) for each in covered)


# Writes that strace does not show


def _mapped(folder: pathlib.Path) -> None:
    with open(folder / "old", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[0:4] = b"WHAT"


def _memmap(folder: pathlib.Path) -> None:
    np.memmap(folder / "a", "float32", "w+", shape=(100,))[:] = 1


NOT_TRACEABLE: dict[str, Callable[[pathlib.Path], None]] = {"mapped": _mapped, "memmap": _memmap}


@pytest.mark.parametrize("name", NOT_TRACEABLE)
def test_write_through_memory_cannot_be_followed(worker: Worker, tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(CannotFollow, match="mapped into memory"):
        _record(worker, tmp_path, name)


def test_recording_that_differs_from_disk_is_an_error(worker: Worker, tmp_path: pathlib.Path) -> None:
    recorder = Recorder(worker, tmp_path)
    state = worker.ask(_run, "numpy_save", str(tmp_path), seconds=60)
    (tmp_path / "a.npy").write_bytes(b"written by a different")
    with pytest.raises(CannotFollow, match=r"do not give the files on disk: a.npy is a file of 22 bytes, not a file of 24128 bytes"):
        recorder.history(state)


def test_calls_are_in_the_order_in_which_they_ended() -> None:
    lines = [
        '7 write(3<\\x2f\\x61>, "\\x68\\x69", 2 <unfinished ...>',
        "8 fsync(3<\\x2f\\x61> <unfinished ...>",
        "7 <... write resumed>) = 2",
        "--- SIGCHLD {si_signo=SIGCHLD} ---",
        "8 <... fsync resumed>) = 0",
        '7 unlink("\\x2f\\x62") = -1 ENOENT (No such file or directory)',
        "7 +++ exited with 0 +++",
    ]
    found = list(calls_in(lines))
    assert [(call.task, call.name, call.number, call.ended_before, call.failed) for call in found] == [
        (7, "write", 1, 0, False), (8, "fsync", 2, 0, False), (7, "unlink", 3, 2, True),
    ]  # fmt: skip


def test_close_does_not_remove_reused_descriptor(tmp_path: pathlib.Path) -> None:
    def encoded(name: str) -> str:
        return "".join(f"\\x{byte:02x}" for byte in f"{tmp_path}/{name}".encode())

    lines = [
        f'7 openat(AT_FDCWD<{encoded("")}>, "{encoded("one")}", O_WRONLY|O_CREAT, 0666) = 3<{encoded("one")}>',
        f"7 close(3<{encoded('one')}> <unfinished ...>",
        f'8 openat(AT_FDCWD<{encoded("")}>, "{encoded("two")}", O_WRONLY|O_CREAT, 0666) = 3<{encoded("two")}>',
        "7 <... close resumed>) = 0",
        f'8 write(3<{encoded("two")}>, "\\x68\\x69", 2) = 2',
    ]
    tracker = Tracker(tmp_path, {}, ProcessState((7, 8), "/"))
    follow(tracker, list(calls_in(lines)))
    assert [operation.description for operation in tracker.operations()] == [
        "creation of one",
        "creation of two",
        "write of 2 bytes at 0 of two",
    ]


# The model: what POSIX allows

FOLDER, OLD, NEW = 1, 2, 3


def _history(*operations: Operation) -> History:
    """Return a history of a folder with the file "it" of 1,200 bytes; another node has no name yet."""
    start = FileSystem()
    start.add(FOLDER, None)
    start.add(OLD, b"o" * 1200)
    start.add(NEW, b"")
    start.folders[FOLDER]["it"] = OLD
    return History(start, FOLDER, operations)


CREATE = SetNames("creation of new", ((FOLDER, "new", NEW),))
FILL = Write("write", NEW, 0, b"n" * 1200)
RENAME = SetNames("rename", ((FOLDER, "new", None), (FOLDER, "it", NEW)))


def _contents(history: History, states: list[DiskState], name: str = "it") -> set[Any]:
    return {files_after(history, state).get(name) for state in states}


def test_kill_keeps_completed_operations() -> None:
    history = _history(Resize("truncation", OLD, 0), Write("write", OLD, 0, b"n" * 10000))
    assert kill_states(history) == [
        DiskState(0), DiskState(1), DiskState(2), *(DiskState(2, ((2, "from", at),)) for at in (4096, 8192)),
    ]  # fmt: skip
    assert {len(content) for content in _contents(history, kill_states(history))} == {1200, 0, 10000, 4096, 8192}


def test_rename_may_reach_disk_before_the_data() -> None:
    history = _history(CREATE, FILL, RENAME)
    found = _contents(history, power_failure_states(history))
    assert found >= {b"o" * 1200, b"n" * 1200, b"", bytes(1200), b"n" * 512, b"n" * 1024, bytes(512) + b"n" * 688}
    states = [state for state in power_failure_states(history) if files_after(history, state)["it"] == b""]
    assert states[0] == DiskState(3, ((2, "all", 0),))
    assert describe(history, states[0]) == "after operation 3 of 3 (rename), with operation 2 (write) not on disk"


def test_synced_operations_are_never_lost() -> None:
    history = _history(CREATE, FILL, Sync("sync of new", frozenset({1})), RENAME)
    assert _contents(history, power_failure_states(history)) == {b"o" * 1200, b"n" * 1200}
    assert _contents(history, power_failure_states(history, returned=True)) == {b"o" * 1200, b"n" * 1200}
    history = _history(*history.operations, Sync("sync of the folder", frozenset({0, 3})))
    assert power_failure_states(history, returned=True) == [DiskState(5)]


def test_equal_states_are_returned_once() -> None:
    history = _history(CREATE, FILL, RENAME)
    states = power_failure_states(history)
    assert DiskState(2) in states
    assert DiskState(3, ((3, "all", 0),)) not in states
    contents = [frozenset(files_after(history, state).items()) for state in states]
    assert len(set(contents)) == len(contents)


def test_writes_to_one_file_may_reach_disk_in_any_order() -> None:
    history = _history(Resize("truncation", OLD, 0), Write("write", OLD, 0, b"a" * 512), Write("write", OLD, 512, b"b" * 512))
    found = _contents(history, power_failure_states(history))
    assert bytes(512) + b"b" * 512 in found
    assert b"o" * 512 + b"b" * 512 + b"o" * 176 in found, "the truncation is lost, and the second write is on disk"


def test_number_of_states_is_limited_simplest_first() -> None:
    writes = [Write("write", NEW, 600 * number, b"n" * 600) for number in range(300)]
    history = _history(CREATE, *writes, RENAME)
    for states_of in (kill_states, power_failure_states):
        states = states_of(history)
        assert len(states) == 150
        assert states == sorted(states, key=lambda state: (len(state.lost), state.done))
        assert states == states_of(history)
    assert {DiskState(0), DiskState(1), DiskState(301), DiskState(302)} <= set(kill_states(history))
    assert b"" in _contents(history, power_failure_states(history)), "all writes of the file are lost, but its new name is on disk"


# The tracer


def processes_with(text: str) -> list[int]:
    """Return the other processes whose command line contains a text."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and text in (entry / "cmdline").read_text(errors="replace"):
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


_ABANDONED = """
import pathlib, sys, time
from pytest_ckpt.crash_model import traced_worker
worker = traced_worker(pathlib.Path(sys.argv[1]))
print("ready", flush=True)
worker.ask(time.sleep, 1000, seconds=1000)
"""


def test_tracer_ends_when_its_parent_is_killed(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "worker.log"
    command = [sys.executable, "-c", _ABANDONED, str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        left = [pid for pid in processes_with(str(tmp_path)) if pid != parent.pid]
        traced = [int(pid) for tracer in left for pid in pathlib.Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split()]
        assert left
        assert traced
        handles = [os.pidfd_open(pid) for pid in {*left, *traced}]
        parent.send_signal(signal.SIGKILL)
    for handle in handles:
        assert _ended(handle), "a process is left behind"
        os.close(handle)


def _ended(handle: int, seconds: float = 20.0) -> bool:
    return bool(select.select([handle], [], [], seconds)[0])
