"""A third-party distribution whose entry points cannot be loaded: each is reported once, and everything else runs."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from .test_entry_points import install

GROUPS = ("backends", "formats", "checks")
#: The name of each entry point, the source of its module, and the error that is reported.
BROKEN = {
    "broken-import": ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
    "broken-exit": ("raise SystemExit(3)", "SystemExit: 3"),
    "broken-outcome": ("class Outcome(BaseException): pass\nraise Outcome('not today')", "Outcome: not today"),
}
TESTS = """
import pickle
from pytest_ckpt import Format, conformance

def save(tree, path):
    path.write_bytes(pickle.dumps(tree))

def load(path):
    return pickle.loads(path.read_bytes())

def test_fixture(ckpt_backend):
    assert not ckpt_backend.startswith("broken")

@conformance(Format(name="mine", backend="numpy", save=save, load=load), select="shape/scalar", examples=0)
def test_mine(check):
    check()
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a project folder in which a distribution with broken entry points is installed."""
    modules = {name.replace("-", "_"): source for name, (source, _) in BROKEN.items()}
    points = "".join(f"{name} = {module}:OBJECT\n" for name, module in zip(BROKEN, modules, strict=True))
    install(tmp_path, "broken-plugin", "".join(f"[pytest_ckpt.{group}]\n{points}" for group in GROUPS), **modules)
    (tmp_path / "test_mine.py").write_text(TESTS)
    return tmp_path


def _call(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])}
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip


def _failure(group: str, name: str) -> str:
    return f"the entry point {name!r} of the group 'pytest_ckpt.{group}' cannot be loaded: {BROKEN[name][1]}"


def _assert_reported_once(run: subprocess.CompletedProcess[str], *groups: str) -> None:
    text = run.stdout + run.stderr
    assert run.returncode == 0, text
    for group in groups:
        assert [text.count(_failure(group, name)) for name in BROKEN] == [1, 1, 1], text


@pytest.mark.parametrize("options", [(), ("-n2", "--ckpt-select=shape/scalar")], ids=["one-process", "workers"])
def test_pytest_reports_broken_entry_points_once(folder: pathlib.Path, options: tuple[str, ...]) -> None:
    run = _call(folder, "pytest", "-p", "no:cacheprovider", *options)
    _assert_reported_once(run, "backends", "checks")
    assert f"ckpt: {_failure('backends', 'broken-exit')}\n" in run.stdout
    assert "Warning" not in run.stdout + run.stderr


def test_naming_broken_backend_is_usage_error(folder: pathlib.Path) -> None:
    run = _call(folder, "pytest", "-p", "no:cacheprovider", "--ckpt-backend=broken-exit")
    assert run.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: --ckpt-backend: {_failure('backends', 'broken-exit')}; installed backends: " in run.stderr


@pytest.mark.parametrize("group", GROUPS)
def test_list_reports_broken_entry_point_once(folder: pathlib.Path, group: str) -> None:
    run = _call(folder, "pytest_ckpt", "list", group)
    _assert_reported_once(run, group)
    assert len(run.stdout.splitlines()) >= 5


def test_run_reports_broken_entry_points_once(folder: pathlib.Path) -> None:
    run = _call(folder, "pytest_ckpt", "run", "--select=shape/scalar", "--examples=0", "-knumpy.savez or broken")
    _assert_reported_once(run, *GROUPS)
    assert "numpy.savez " in run.stdout


def test_run_of_broken_format_is_usage_error(folder: pathlib.Path) -> None:
    run = _call(folder, "pytest_ckpt", "run", "broken-exit")
    assert run.returncode == 2
    assert run.stderr == f"pytest-ckpt: {_failure('formats', 'broken-exit')}\n"
