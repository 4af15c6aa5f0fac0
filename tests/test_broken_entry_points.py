"""A third-party distribution whose entry points cannot be loaded: each is reported once, and everything else runs."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from .test_entry_points import install

GROUPS = ("backends", "formats")
#: How each broken module fails, and the error that is reported.
ERRORS = {
    "missing": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "outcome": ("class Outcome(BaseException): pass\nraise Outcome('not today')", "Outcome: not today"),
}
TESTS = """
import pickle
from pytest_ckpt import Format, conformance

def save(tree, path):
    path.write_bytes(pickle.dumps(tree))

def load(path):
    return pickle.loads(path.read_bytes())

def test_fixture(ckpt_backend):
    assert ckpt_backend != "broken"

@conformance(Format(name="mine", backend="numpy", save=save, load=load), select="shape/scalar", examples=0)
def test_mine(check):
    check()
"""


@pytest.fixture(params=ERRORS)
def error(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> str:
    """Install a distribution with one broken entry point in each group, and return the error of its module."""
    source, error = ERRORS[request.param]
    entry_points = "".join(f"[pytest_ckpt.{group}]\nbroken = broken_plugin:OBJECT\n" for group in GROUPS)
    install(tmp_path, "broken-plugin", entry_points, broken_plugin=source)
    (tmp_path / "test_mine.py").write_text(TESTS)
    return error


def _call(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip


def _failure(group: str, error: str) -> str:
    return f"the entry point 'broken' of the group 'pytest_ckpt.{group}' cannot be loaded: {error}"


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["one-process", "workers"])
def test_pytest_reports_broken_backend_once(tmp_path: pathlib.Path, error: str, workers: tuple[str, ...]) -> None:
    run = _call(tmp_path, "pytest", "-p", "no:cacheprovider", *workers)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (run.stdout + run.stderr).count("cannot be loaded") == 1
    assert f"ckpt: {_failure('backends', error)}" in run.stdout


def test_naming_broken_backend_is_usage_error(tmp_path: pathlib.Path, error: str) -> None:
    run = _call(tmp_path, "pytest", "-p", "no:cacheprovider", "--ckpt-backend=broken")
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: --ckpt-backend: {_failure('backends', error)}; installed backends: " in run.stderr


@pytest.mark.parametrize("what", ["formats", "backends", "checks"])
def test_list_reports_broken_entry_point_once(tmp_path: pathlib.Path, error: str, what: str) -> None:
    run = _call(tmp_path, "pytest_ckpt", "list", what)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) > 5
    if what in GROUPS:
        assert (run.stdout + run.stderr).count(_failure(what, error)) == 1


def test_run_reports_broken_entry_points_once(tmp_path: pathlib.Path, error: str) -> None:
    run = _call(tmp_path, "pytest_ckpt", "run", "--select=shape/scalar", "--examples=0")
    assert run.returncode == 0, run.stdout + run.stderr
    for group in GROUPS:
        assert (run.stdout + run.stderr).count(_failure(group, error)) == 1, run.stdout + run.stderr
    assert "numpy.savez " in run.stdout
    named = _call(tmp_path, "pytest_ckpt", "run", "broken")
    assert named.returncode == 2
    assert named.stderr == f"pytest-ckpt: {_failure('formats', error)}\n"
