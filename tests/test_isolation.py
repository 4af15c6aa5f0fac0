"""`pytest-ckpt run` runs each format in a worker process: a crash does not end the run, and side effects do not reach the next format."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from .command_line import results_table, run_and_read

#: Loaders that end their process, and savers with side effects on all code in their process.
MYLIB = """
import os, pathlib, pickle, signal, tempfile, threading, time, warnings, logging
import numpy as np
from pytest_ckpt import Format

def save(tree, path):
    path.write_bytes(pickle.dumps(tree))

def load(path):
    return pickle.loads(path.read_bytes())

def hang(path):
    while True:
        time.sleep(1)

def leave(path):
    os._exit(3)

def quit_(path):
    raise SystemExit(0)

def die(path):
    os.kill(os.getpid(), signal.SIGSEGV)

def eat(path):
    held = []
    while True:
        held.append(np.ones(1 << 20))

def make(name, **fields):
    return Format(**{"name": name, "backend": "numpy", "save": save, "load": load, **fields})

def save_with_threads(tree, path):
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    threading.Thread(target=time.sleep, args=(600,)).start()
    save(tree, path)

def save_with_leftovers(tree, path):
    tempfile.mkdtemp()
    handle, name = tempfile.mkstemp()
    os.write(handle, b"left open")
    save(tree, path)

calls = []
def save_and_change(tree, path):
    calls.append(path)
    np.load = None
    if len(calls) == 40:
        pickle.dumps = None
    os.environ["CKPT_LOST"] = "1"
    np.seterr(all="raise")
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    path.write_bytes(pickle._dumps(tree))

def load_unless_lost(path):
    if "CKPT_LOST" in os.environ or not callable(np.load) or not callable(pickle.dumps):
        raise RuntimeError("the process has been changed")
    return load(path)

hangs = make("hangs", load=hang, time_limit=2.0)
leaves = make("leaves", load=leave)
quits = make("quits", load=quit_)
dies = make("dies", load=die)
eats = make("eats", load=eat)
good = make("good", load=load_unless_lost)
threads = make("threads", save=save_with_threads)
leftovers = make("leftovers", save=save_with_leftovers)
changes = make("changes", save=save_and_change)
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "temporary").mkdir()
    (tmp_path / "project" / "mylib.py").write_text(MYLIB)
    return tmp_path / "project"


def test_run_continues_after_loader_ends_its_process(folder: pathlib.Path) -> None:
    names = ["hangs", "leaves", "quits", "dies", "eats", "good"]
    run, record = run_and_read(folder, *map("mylib:{}".format, names), "--select=shape/scalar", "--select=layout/fortran", "--examples=2")
    assert run.returncode == 1, run.stdout
    seen = {row.name: [(cell.verdict, cell.detail) for cell in row.cells] for row in record.rows}
    assert list(seen) == names
    assert [str(verdict) for verdict, _ in seen.pop("good")] == ["KEPT", "KEPT"]
    for row in record.rows:
        if row.name in ("leaves", "dies"):
            assert sum(cell.examples for cell in row.cells) <= 5, "a format whose worker always dies runs only a few examples"
    expected = {"hangs": "timed out", "leaves": "exited with code 3", "quits": "SystemExit(0)", "dies": "SIGSEGV", "eats": "memory limit"}
    for name, text in expected.items():
        assert [str(verdict) for verdict, _ in seen[name]] == ["CRASHED", "CRASHED"]
        assert all(text in detail for _, detail in seen[name]), seen[name]


def test_survey_continues_after_loader_ends_its_process(folder: pathlib.Path) -> None:
    command = [sys.executable, "-m", "pytest_ckpt", "survey", "mylib:dies", "--select=shape/scalar", "--examples=0"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert '"shape/scalar": crashed("the process died with SIGSEGV' in run.stdout


def test_side_effects_of_format_do_not_reach_next_format(folder: pathlib.Path) -> None:
    names = [f"mylib:{name}" for name in ("threads", "leftovers", "changes", "good")]
    select = ("--select=dtype", "--select=shape", "--select=container", "--examples=0")
    forward, backward = (run_and_read(folder, *order, *select)[1] for order in (names, names[::-1]))
    assert results_table(forward) == results_table(backward)
    assert [row.name for row in forward.rows] == [row.name for row in backward.rows][::-1]
    good = next(row for row in forward.rows if row.name == "good")
    assert [cell.check for cell in good.cells if cell.failed] == []


def test_option_in_process_runs_checks_in_pytest_process(folder: pathlib.Path) -> None:
    """The format records the id of the process in which it saves."""
    (folder / "recording.py").write_text(
        "import os, pathlib\nfrom mylib import *\n"
        "def save_and_record(tree, path):\n    pathlib.Path('pids').open('a').write(f'{os.getpid()} ')\n    save(tree, path)\n"
        "records = make('records', save=save_and_record)\n"
    )
    command = [sys.executable, "-m", "pytest_ckpt", "run", "recording:records", "--select=shape/scalar", "--examples=0"]
    for option, in_process in (("--in-process", True), ("-v", False)):
        process = subprocess.Popen([*command, option], cwd=folder, stdout=subprocess.DEVNULL)
        assert process.wait(60) == 0
        pids = set((folder / "pids").read_text().split())
        (folder / "pids").unlink()
        assert (pids == {str(process.pid)}) is in_process
