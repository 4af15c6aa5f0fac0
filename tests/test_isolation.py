"""`pytest-ckpt run` asks each format in a process of its own: whatever becomes of that, the run goes on, and what a format leaves
behind is not met by the next."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from .recorded import run_recorded, table_of

#: Loaders that end, and savers that leave something: each changes what all code of its process shares.
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

def save_with_litter(tree, path):
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
        raise RuntimeError("the process is not as it was")
    return load(path)

hangs = make("hangs", load=hang, time_limit=2.0)
leaves = make("leaves", load=leave)
quits = make("quits", load=quit_)
dies = make("dies", load=die)
eats = make("eats", load=eat)
good = make("good", load=load_unless_lost)
threads = make("threads", save=save_with_threads)
litter = make("litter", save=save_with_litter)
changes = make("changes", save=save_and_change)
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "temporary").mkdir()
    (tmp_path / "project" / "mylib.py").write_text(MYLIB)
    return tmp_path / "project"


def test_a_loader_that_ends_its_process_is_crashed_and_the_run_goes_on(folder: pathlib.Path) -> None:
    names = ["hangs", "leaves", "quits", "dies", "eats", "good"]
    run, record = run_recorded(folder, *map("mylib:{}".format, names), "--select=shape/scalar", "--select=layout/fortran", "--examples=2")
    assert run.returncode == 1, run.stdout
    said = {row.name: [(cell.verdict, cell.detail) for cell in row.cells] for row in record.rows}
    assert list(said) == names
    assert [str(verdict) for verdict, _ in said.pop("good")] == ["KEPT", "KEPT"]
    for row in record.rows:
        if row.name in ("leaves", "dies"):
            assert sum(cell.examples for cell in row.cells) <= 5, "of what always dies no more is asked than has to be"
    words = {"hangs": "timed out", "leaves": "exited with code 3", "quits": "SystemExit(0)", "dies": "SIGSEGV", "eats": "memory limit"}
    for name, word in words.items():
        assert [str(verdict) for verdict, _ in said[name]] == ["CRASHED", "CRASHED"]
        assert all(word in detail for _, detail in said[name]), said[name]


def test_a_survey_goes_on_as_well(folder: pathlib.Path) -> None:
    command = [sys.executable, "-m", "pytest_ckpt", "survey", "mylib:dies", "--select=shape/scalar", "--examples=0"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 0
    assert '"shape/scalar": crashed("the process died with SIGSEGV' in run.stdout


def test_what_formats_leave_in_their_process_does_not_disturb_the_next(folder: pathlib.Path) -> None:
    names = [f"mylib:{name}" for name in ("threads", "litter", "changes", "good")]
    select = ("--select=dtype", "--select=shape", "--select=container", "--examples=3")
    there, back = (run_recorded(folder, *order, *select)[1] for order in (names, names[::-1]))
    assert table_of(there) == table_of(back)
    assert [row.name for row in there.rows] == [row.name for row in back.rows][::-1]
    good = next(row for row in there.rows if row.name == "good")
    assert [cell.check for cell in good.cells if cell.failed] == []


def test_in_process_means_this_one(folder: pathlib.Path) -> None:
    """For a debugger: what the format says of its process is true of pytest's."""
    (folder / "told.py").write_text(
        "import os, pathlib\nfrom mylib import *\n"
        "def tell(tree, path):\n    pathlib.Path('pids').open('a').write(f'{os.getpid()} ')\n    save(tree, path)\n"
        "tells = make('tells', save=tell)\n"
    )
    command = [sys.executable, "-m", "pytest_ckpt", "run", "told:tells", "--select=shape/scalar", "--examples=0"]
    for option, own in (("--in-process", True), ("-v", False)):
        process = subprocess.Popen([*command, option], cwd=folder, stdout=subprocess.DEVNULL)
        assert process.wait(60) == 0
        pids = set((folder / "pids").read_text().split())
        (folder / "pids").unlink()
        assert (pids == {str(process.pid)}) is own
