"""The entry point `pytest_ckpt.checks`: other packages add checks, and errors in them name the entry point."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import tomllib
import types

import pytest

from pytest_ckpt.checks import CHECKS, Check, check, checks_from
from pytest_ckpt.specs import TensorSpec

from .test_entry_points import install

EXAMPLE = pathlib.Path(__file__).parents[1] / "examples" / "extra_checks"
_BROKEN = {
    "missing_module": "import no_such_module\n",
    "wrong_type": "CHECKS = 7\n",
    "duplicate": "from pytest_ckpt.checks import check\n\n@check('layout/fortran', judges={'values'})\ndef fortran(profile):\n    yield\n",
}


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Install the example package into a folder, without network: its module, and the metadata that pip would write."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    lines = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in points.items())
        for group, points in project["entry-points"].items()
    ]
    install(tmp_path, project["name"], "\n".join(lines), extra_checks=(EXAMPLE / "extra_checks.py").read_text())
    return tmp_path


def _run(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python with ``folder`` on its path."""
    path = os.pathsep.join([str(folder), *sys.path])
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=folder, env={**os.environ, "PYTHONPATH": path}
    )  # fmt: skip


def test_extra_family_is_listed_and_run(folder: pathlib.Path) -> None:
    code = """
from pytest_ckpt import check_format, list_checks
from pytest_ckpt.formats import get_format

assert list_checks("numpy")[-2:] == ["table/columns", "table/no-rows"]
results = check_format(get_format("numpy.savez"), select="table")
print([(result.check, str(result.verdict), result.passed, result.examples > 2) for result in results])
print([result.check for result in check_format(get_format("numpy.savez"), select=["table,shape", "-shape/*"], examples=0)])
"""
    run = _run(folder, "-c", code)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "[('table/columns', 'KEPT', True, True), ('table/no-rows', 'KEPT', True, False)]",
        "['table/columns', 'table/no-rows']",
    ]


def test_command_line_runs_and_explains_extra_checks(folder: pathlib.Path) -> None:
    explained = _run(folder, "-m", "pytest_ckpt", "explain", "table/no-rows")
    assert explained.stdout.splitlines()[:2] == ["table/no-rows (extended)", "    A table without rows keeps its columns."]
    ran = _run(folder, "-m", "pytest_ckpt", "run", "numpy.savez", "--select", "table", "--examples", "2")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "numpy.savez  ok" in ran.stdout
    assert "2 checks" in ran.stdout


def test_module_of_checks_can_be_imported_first(folder: pathlib.Path) -> None:
    run = _run(
        folder, "-c", "import extra_checks; from pytest_ckpt.checks import CHECKS; print(CHECKS['table/columns'] is extra_checks.columns)"
    )
    assert (run.stdout, run.stderr) == ("True\n", "")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("missing_module", "'missing_module' of the group 'pytest_ckpt.checks' cannot be loaded: ModuleNotFoundError"),
        ("wrong_type", "expected a Check, a list or tuple of checks, or a module with checks, got int"),
        ("duplicate", "the check 'layout/fortran' is already defined by pytest-ckpt: rename it"),
    ],
)
def test_broken_entry_point_is_reported_and_the_rest_runs(folder: pathlib.Path, name: str, error: str) -> None:
    point = f"{name}:CHECKS" if name == "wrong_type" else name
    install(folder, "broken", f"[pytest_ckpt.checks]\n{name} = {point}\n", **{name: _BROKEN[name]})
    code = "from pytest_ckpt.checks import CHECKS, check_pattern; print(len(CHECKS), 'table/columns' in CHECKS); check_pattern('talbe/x')"
    run = _run(folder, "-c", code)
    assert run.stdout == f"{len(CHECKS) + 2} True\n"
    assert run.stderr.count("EntryPointWarning") == 1
    assert f"'{name}' of the group 'pytest_ckpt.checks' cannot be loaded" in run.stderr
    assert run.stderr.count(error) == 2, "in the warning, and in the error about a name that is unknown because of it"


def _some_check(name: str = "mine/one") -> Check:
    return check(name, judges={"values"})(lambda profile: [TensorSpec("float32", (2,))])


def test_checks_from_modules_lists_and_single_checks() -> None:
    one, two = _some_check(), _some_check("mine/two")
    module = types.ModuleType("mine")
    vars(module).update(first=one, again=one, several=(two,))
    assert checks_from(one) == [one]
    assert checks_from([one, two]) == checks_from((one, two)) == checks_from(module) == [one, two]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([_some_check(), 7], "expected checks, got int"),
        (7, "got int"),
        ([], "it has no check"),
        (types.ModuleType("empty"), "it has no check"),
        ([_some_check(), _some_check()], "defines the check 'mine/one' twice"),
    ],
)
def test_checks_from_anything_else_is_an_error(source: object, message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        checks_from(source)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "fortran"}, "a check is named 'family/case'"),
        ({"name": "a/b/c"}, "a check is named 'family/case'"),
        ({"name": "-a/b"}, "a check is named 'family/case'"),
        ({"level": "basic"}, "level must be 'core' or 'extended', not 'basic'"),
        ({"judges": {"value"}}, r"unknown aspects \['value'\]"),
        ({"subjects": {"forest"}}, r"unknown subjects \['forest'\]"),
        ({"needs": {"layers": "lsmt"}}, "unknown name 'lsmt' in layers: did you mean 'lstm'"),
        ({"needs": {"layer": "lstm"}}, "unknown field of Capabilities 'layer': did you mean 'layers'"),
    ],
)
def test_invalid_check_is_an_error(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check(**{"name": "mine/one", "judges": {"values"}, **arguments})(lambda profile: [])  # type: ignore[arg-type]
