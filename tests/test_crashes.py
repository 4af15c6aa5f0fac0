"""What a crash can leave: what real programs do to the disk is followed to what stands there, and taken apart as POSIX allows."""

from __future__ import annotations

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
    Lost,
    Recorder,
    Standing,
    State,
    files_of,
    in_words,
    kill_states,
    marked,
    power_states,
    replayed,
    traced_worker,
)
from pytest_ckpt.crash_model.file_system import Disk, Naming, Operation, Resize, Sync, Write
from pytest_ckpt.crash_model.recording import History
from pytest_ckpt.crash_model.strace_log import calls_in
from pytest_ckpt.crash_model.syscalls import follow
from pytest_ckpt.crash_model.tracker import Follower
from pytest_ckpt.workers import Worker


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    worker = traced_worker(tmp_path_factory.mktemp("traced") / "worker.log")
    yield worker
    worker.stop()


# Real programs: what is followed leads to what stands on the disk; else `history` raises.


def _numpy_save(folder: pathlib.Path) -> None:
    np.save(folder / "a.npy", np.arange(3000.0))


def _numpy_savez(folder: pathlib.Path) -> None:
    np.savez(folder / "a.npz", x=np.arange(3000.0), y=np.ones(5))


def _compressed(folder: pathlib.Path) -> None:
    np.savez_compressed(folder / "a.npz", x=np.arange(3000.0))


def _back_and_forth(folder: pathlib.Path) -> None:
    with open(folder / "old", "r+b", buffering=0) as file:
        file.read(3)
        file.write(b"after what was read")
        file.seek(-4, os.SEEK_END)
        file.write(b"over the end")
        file.truncate(20)
        file.seek(100)
        file.write(b"behind a gap")


def _own_places(folder: pathlib.Path) -> None:
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


def _appending(folder: pathlib.Path) -> None:
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


def _copied(folder: pathlib.Path) -> None:
    shutil.copyfile(folder / "old", folder / "copy")
    with open(folder / "old", "rb") as source, open(folder / "range", "wb") as target:
        os.copy_file_range(source.fileno(), target.fileno(), 5, 2)
    shutil.copytree(folder / "below", folder / "tree")


def _children(folder: pathlib.Path) -> None:
    subprocess.run(["sh", "-c", "echo one > a; echo two >> a; cp a b; mv b c; mkdir d; ln -s ../a d/link"], cwd=folder, check=True)
    subprocess.run([sys.executable, "-S", "-c", f"open({str(folder / 'e')!r}, 'w').write('three')"], check=True)
    subprocess.run(["echo", "four"], stdout=open(folder / "f", "w"), check=True)  # noqa: SIM115


def _names(folder: pathlib.Path) -> None:
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


def _moved_in(folder: pathlib.Path) -> None:
    """What was written elsewhere is moved in."""
    elsewhere = pathlib.Path(tempfile.mkdtemp(dir=folder.parent))
    (elsewhere / "inner").mkdir()
    (elsewhere / "inner" / "file").write_bytes(b"written elsewhere")
    (elsewhere / "alone").write_bytes(b"alone")
    os.rename(elsewhere / "inner", folder / "inner")
    os.rename(elsewhere / "alone", folder / "alone")
    elsewhere.rmdir()


def _without_a_name(folder: pathlib.Path) -> None:
    descriptor = os.open(folder, os.O_WRONLY | os.O_TMPFILE)
    os.write(descriptor, b"named only when it is whole")
    os.link(f"/proc/self/fd/{descriptor}", folder / "named", src_dir_fd=0, follow_symlinks=True)
    os.close(descriptor)


def _from_inside(folder: pathlib.Path) -> None:
    before = os.getcwd()
    os.chdir(folder)
    try:
        pathlib.Path("relative").write_bytes(b"relative")
        os.rename("relative", "below/here")
    finally:
        os.chdir(before)


def _deleted_while_open(folder: pathlib.Path) -> None:
    with open(folder / "gone", "wb", buffering=0) as file:
        os.unlink(folder / "gone")
        file.write(b"nobody sees this")
    (folder / "gone").write_bytes(b"another of that name")


PROGRAMS: dict[str, Callable[[pathlib.Path], None]] = {
    program.__name__.strip("_"): program
    for program in (
        _numpy_save, _numpy_savez, _compressed, _back_and_forth, _own_places, _appending, _threads, _copied, _children, _names, _moved_in,
        _without_a_name, _from_inside, _deleted_while_open,
    )
}  # fmt: skip


def _run(name: str, folder: str) -> Standing:
    """In the traced worker."""
    with marked() as standing:
        {**PROGRAMS, **UNSEEN}[name](pathlib.Path(folder))
    return standing


def _record(worker: Worker, folder: pathlib.Path, name: str) -> History:
    (folder / "below").mkdir()
    (folder / "below" / "file").write_bytes(b"below")
    (folder / "old").write_bytes(b"what was there before")
    recorder = Recorder(worker, folder)
    return recorder.history(worker.ask(_run, name, str(folder), seconds=60))


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_a_program_does_is_followed_to_what_stands_on_the_disk(worker: Worker, tmp_path: pathlib.Path, name: str) -> None:
    history = _record(worker, tmp_path, name)
    assert history.operations
    assert replayed(history) == files_of(history, State(len(history.operations)))
    for state in [*kill_states(history), *power_states(history), *power_states(history, returned=True)]:
        assert in_words(history, state)


def test_the_words_of_operations_are_short_and_name_the_file(worker: Worker, tmp_path: pathlib.Path) -> None:
    history = _record(worker, tmp_path, "back_and_forth")
    assert [operation.words for operation in history.operations] == [
        "write of 19 bytes at 3 of old",
        "write of 12 bytes at 18 of old",
        "truncation of old to 20 bytes",
        "write of 12 bytes at 100 of old",
    ]


def test_syncs_cover_what_had_been_done_to_a_file_and_names_are_the_folders(worker: Worker, tmp_path: pathlib.Path) -> None:
    history = _record(worker, tmp_path, "threads")
    for operation in history.operations:
        if isinstance(operation, Sync):
            covered = [history.operations[number] for number in operation.covers]
            assert len({each.node for each in covered if isinstance(each, Write)}) == 1
            assert not any(isinstance(each, Naming) for each in covered)


# What cannot be seen is not guessed at.


def _mapped(folder: pathlib.Path) -> None:
    with open(folder / "old", "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[0:4] = b"WHAT"


def _memmap(folder: pathlib.Path) -> None:
    np.memmap(folder / "a", "float32", "w+", shape=(100,))[:] = 1


UNSEEN: dict[str, Callable[[pathlib.Path], None]] = {"mapped": _mapped, "memmap": _memmap}


@pytest.mark.parametrize("name", UNSEEN)
def test_what_is_written_through_memory_is_reported(worker: Worker, tmp_path: pathlib.Path, name: str) -> None:
    with pytest.raises(Lost, match="mapped into memory"):
        _record(worker, tmp_path, name)


def test_a_disk_that_is_not_as_it_was_followed_to_be_is_no_record(worker: Worker, tmp_path: pathlib.Path) -> None:
    recorder = Recorder(worker, tmp_path)
    standing = worker.ask(_run, "numpy_save", str(tmp_path), seconds=60)
    (tmp_path / "a.npy").write_bytes(b"somebody else was here")
    with pytest.raises(Lost, match=r"does not lead to what stands there: a.npy should be a file of 24128 bytes, and is a file of 22 bytes"):
        recorder.history(standing)


def test_lines_of_tasks_that_interrupt_each_other_become_calls_in_the_order_in_which_they_ended() -> None:
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
    assert [(call.task, call.name, call.number, call.before, call.failed) for call in found] == [
        (7, "write", 1, 0, False), (8, "fsync", 2, 0, False), (7, "unlink", 3, 2, True),
    ]  # fmt: skip


def test_a_number_that_another_task_was_given_before_closing_had_ended_stays_what_it_is_now(tmp_path: pathlib.Path) -> None:
    def shown(name: str) -> str:
        return "".join(f"\\x{byte:02x}" for byte in f"{tmp_path}/{name}".encode())

    lines = [
        f'7 openat(AT_FDCWD<{shown("")}>, "{shown("one")}", O_WRONLY|O_CREAT, 0666) = 3<{shown("one")}>',
        f"7 close(3<{shown('one')}> <unfinished ...>",
        f'8 openat(AT_FDCWD<{shown("")}>, "{shown("two")}", O_WRONLY|O_CREAT, 0666) = 3<{shown("two")}>',
        "7 <... close resumed>) = 0",
        f'8 write(3<{shown("two")}>, "\\x68\\x69", 2) = 2',
    ]
    follower = Follower(tmp_path, {}, Standing((7, 8), "/"))
    follow(follower, list(calls_in(lines)))
    assert [operation.words for operation in follower.operations()] == [
        "creation of one",
        "creation of two",
        "write of 2 bytes at 0 of two",
    ]


# The model: what POSIX allows.


FOLDER, OLD, NEW = 1, 2, 3


def _history(*operations: Operation) -> History:
    """A folder in which the file "it" is 1,200 bytes long, and another node has no name yet."""
    start = Disk()
    start.add(FOLDER, None)
    start.add(OLD, b"o" * 1200)
    start.add(NEW, b"")
    start.folders[FOLDER]["it"] = OLD
    return History(start, FOLDER, operations)


CREATE = Naming("creation of new", ((FOLDER, "new", NEW),))
FILL = Write("write", NEW, 0, b"n" * 1200)
RENAME = Naming("rename", ((FOLDER, "new", None), (FOLDER, "it", NEW)))


def _contents(history: History, states: list[State], name: str = "it") -> set[Any]:
    return {files_of(history, state).get(name) for state in states}


def test_a_killed_process_leaves_what_it_had_done() -> None:
    history = _history(Resize("truncation", OLD, 0), Write("write", OLD, 0, b"n" * 10000))
    assert kill_states(history) == [
        State(0), State(1), State(2), *(State(2, ((2, "from", at),)) for at in (4096, 8192)),
    ]  # fmt: skip
    assert {len(content) for content in _contents(history, kill_states(history))} == {1200, 0, 10000, 4096, 8192}


def test_a_name_may_be_on_disk_before_the_data_behind_it() -> None:
    history = _history(CREATE, FILL, RENAME)
    found = _contents(history, power_states(history))
    assert found >= {b"o" * 1200, b"n" * 1200, b"", bytes(1200), b"n" * 512, b"n" * 1024, bytes(512) + b"n" * 688}
    states = [state for state in power_states(history) if files_of(history, state)["it"] == b""]
    assert states[0] == State(3, ((2, "all", 0),))
    assert in_words(history, states[0]) == "after operation 3 of 3 (rename), with operation 2 (write) not on disk"


def test_what_is_synced_is_there_whatever_comes_later() -> None:
    history = _history(CREATE, FILL, Sync("sync of new", frozenset({1})), RENAME)
    assert _contents(history, power_states(history)) == {b"o" * 1200, b"n" * 1200}
    assert _contents(history, power_states(history, returned=True)) == {b"o" * 1200, b"n" * 1200}
    history = _history(*history.operations, Sync("sync of the folder", frozenset({0, 3})))
    assert power_states(history, returned=True) == [State(5)]


def test_a_write_that_was_not_done_yet_is_not_told_from_one_that_is_missing() -> None:
    history = _history(CREATE, FILL, RENAME)
    states = power_states(history)
    assert State(2) in states
    assert State(3, ((3, "all", 0),)) not in states
    contents = [frozenset(files_of(history, state).items()) for state in states]
    assert len(set(contents)) == len(contents)


def test_writes_of_one_file_may_come_in_any_order_and_leave_zeros_between() -> None:
    history = _history(Resize("truncation", OLD, 0), Write("write", OLD, 0, b"a" * 512), Write("write", OLD, 512, b"b" * 512))
    found = _contents(history, power_states(history))
    assert bytes(512) + b"b" * 512 in found
    assert b"o" * 512 + b"b" * 512 + b"o" * 176 in found, "the truncation is missing, and the second write is there"


def test_many_operations_are_bounded_and_the_simple_states_come_first() -> None:
    writes = [Write("write", NEW, 600 * number, b"n" * 600) for number in range(300)]
    history = _history(CREATE, *writes, RENAME)
    for states_of in (kill_states, power_states):
        states = states_of(history)
        assert len(states) == 150
        assert states == sorted(states, key=lambda state: (len(state.lost), state.after))
        assert states == states_of(history)
    assert {State(0), State(1), State(301), State(302)} <= set(kill_states(history))
    assert b"" in _contents(history, power_states(history)), "no write of the file is there, and its new name is"


# The tracer.


def processes_about(words: str) -> list[int]:
    """The processes in whose command line the words stand."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and words in (entry / "cmdline").read_text(errors="replace"):
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


def test_the_tracer_ends_with_the_process_that_started_it_even_if_that_is_killed(tmp_path: pathlib.Path) -> None:
    log = tmp_path / "worker.log"
    command = [sys.executable, "-c", _ABANDONED, str(log)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        left = [pid for pid in processes_about(str(tmp_path)) if pid != parent.pid]
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
