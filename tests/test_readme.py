"""The README's commands, files and tables are true: each file in it runs here as it stands there."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from pytest_ckpt import specs
from pytest_ckpt.checks import CHECKS, CORE

from .conftest import BACKENDS, UNDER_TEST

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```\w+\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def _file(name: str) -> str:
    """The file that the README shows under this name, which is its first line."""
    (found,) = [block for block in FENCED if block.startswith(f"# {name}\n")]
    return found


def _run(pytester: pytest.Pytester, name: str, *options: str) -> pytest.RunResult:
    (pytester.path / name).write_text(_file(name), encoding="utf-8")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options, name)


def test_the_few_lines_find_the_fault_with_at_most_four_elements(pytester: pytest.Pytester) -> None:
    result = _run(pytester, "test_mylib.py")
    assert result.parseoutcomes()["failed"] == 2
    lines = iter(result.outlines)
    assert next(line for line in lines if line.endswith("mylib [layout/fortran]: CHANGED"))
    text = next(line for line in lines if "counterexample: " in line).split("counterexample: ")[1]
    spec = eval(text, vars(specs))
    assert spec.layout == "fortran"
    assert spec.size <= 4


def test_what_the_readme_shows_is_what_is_printed(pytester: pytest.Pytester) -> None:
    (shown,) = [block for block in FENCED if block.startswith("mylib [layout/fortran]")]
    printed = [line.removeprefix("E   ").strip() for line in _run(pytester, "test_mylib.py", "-k", "fortran").outlines]
    assert [line for line in shown.splitlines() if line.strip() not in printed] == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="the family crash needs strace")
def test_a_save_that_syncs_nothing_is_found_and_shown_as_the_readme_does(pytester: pytest.Pytester) -> None:
    result = _run(pytester, "test_safety.py")
    assert result.parseoutcomes() == {"passed": 3, "failed": 3}
    (shown,) = [block for block in FENCED if block.startswith("safe [crash/power-loss]")]
    printed = [line.removeprefix("E   ").strip() for line in result.outlines]
    assert [line for line in shown.splitlines() if line.strip() not in printed] == []
    assert {entry.name for entry in pytester.path.iterdir()} <= {
        "runpytest-0",
        "runpytest-current",
        "stderr",
        "stdout",
        "test_safety.py",
        "__pycache__",
    }


def test_a_users_declaration_of_a_library_holds(pytester: pytest.Pytester) -> None:
    _run(pytester, "test_safetensors.py").assert_outcomes(passed=1, xfailed=2)


@pytest.mark.skipif("torch" not in BACKENDS, reason="the README's models are of torch")
def test_a_users_models_come_back_and_a_file_that_does_not_fit_is_found(pytester: pytest.Pytester) -> None:
    _run(pytester, "test_network.py").assert_outcomes(passed=1)
    result = _run(pytester, "test_checkpoints.py")
    assert result.parseoutcomes() == {"passed": 2, "failed": 1}
    result.stdout.fnmatch_lines(["*mine [[]mismatch/missing]: CHANGED"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_users_trees_come_back(backend: str, pytester: pytest.Pytester) -> None:
    _run(pytester, "test_pickle.py", f"--ckpt-backend={backend}").assert_outcomes(passed=3)


def test_ci_runs_the_line_that_the_readme_gives() -> None:
    (line,) = [block.strip() for block in FENCED if "bin/tox" in block]
    assert line in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


def test_the_options_and_settings_in_the_table_are_all_there_are(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest_subprocess("--help").stdout.str()
    named = set(re.findall(r"--ckpt-\w+(?:-\w+)*|\bckpt_\w+", README.split("## Every backend")[1].split("## The formats")[0]))
    offered = set(re.findall(r"^ +(--ckpt-\w+(?:-\w+)*|ckpt_\w+)", text, re.MULTILINE))
    assert named == offered


def test_the_levels_in_the_readme_are_those_of_the_checks() -> None:
    paragraph = README.split("By default the *core* checks")[1].split("`pytest-ckpt list")[0]
    core, extended = (set(re.findall(r"`([\w/-]+)`", part)) for part in paragraph.split("The *extended*"))
    named = {check.name if check.family in core | {"keys"} else check.family for check in CHECKS.values() if check.level != CORE}
    assert {check.family for check in CHECKS.values() if check.level == CORE} == core
    assert named == extended


def test_every_fixture_in_the_table_exists(pytester: pytest.Pytester) -> None:
    table = README.split("| fixture |")[1].split("\n\n")[0]
    text = pytester.runpytest_subprocess("--fixtures").stdout.str()
    for name in re.findall(r"ckpt_\w+", table):
        assert f"{name} " in text or f"{name}\n" in text


if importlib.util.find_spec("tox") and UNDER_TEST in ("", "numpy"):

    def test_the_tox_ini_for_users_runs_what_it_names(tmp_path: pathlib.Path) -> None:
        """With this project's own wheel, since that is the version that is meant."""
        wheels, project = tmp_path / "wheels", tmp_path / "project"
        project.mkdir()
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), str(ROOT)], check=True)
        for name in ("tox.ini", "test_pickle.py"):
            (project / name).write_text(_file(name), encoding="utf-8")
        # numpy 1 has no wheels for Python 3.13.
        names = ["numpy1", "numpy2"] if sys.version_info < (3, 13) else ["numpy2"]
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("TOX_", "PYTEST_", "COV_"))}
        environment["PIP_FIND_LINKS"] = str(wheels)
        command = [sys.executable, "-m", "tox", "--colored", "no", "-e", ",".join(names)]
        ran = subprocess.run(command, cwd=project, env=environment, text=True, capture_output=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert ran.stdout.count("3 passed") == len(names)
        assert all(f"{name}: OK" in ran.stdout for name in names)
