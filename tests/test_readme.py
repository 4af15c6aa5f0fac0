"""The code in README.md runs, and its output, options and fixtures are the real ones."""

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
    """Return the code block whose first line is a comment with this file name."""
    (found,) = [block for block in FENCED if block.startswith(f"# {name}\n")]
    return found


def _run(pytester: pytest.Pytester, name: str, *options: str) -> pytest.RunResult:
    (pytester.path / name).write_text(_file(name), encoding="utf-8")
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options, name)


def test_first_example_finds_a_small_counterexample(pytester: pytest.Pytester) -> None:
    result = _run(pytester, "test_mylib.py")
    assert result.parseoutcomes()["failed"] == 2
    lines = iter(result.outlines)
    assert next(line for line in lines if line.endswith("mylib [layout/fortran]: CHANGED"))
    text = next(line for line in lines if "counterexample: " in line).split("counterexample: ")[1]
    spec = eval(text, vars(specs))
    assert spec.layout == "fortran"
    assert spec.size <= 4


def test_shown_failure_is_the_printed_one(pytester: pytest.Pytester) -> None:
    (shown,) = [block for block in FENCED if block.startswith("mylib [layout/fortran]")]
    printed = [line.removeprefix("E   ").strip() for line in _run(pytester, "test_mylib.py", "-k", "fortran").outlines]
    assert [line for line in shown.splitlines() if line.strip() not in printed] == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="the family crash needs strace")
def test_shown_crash_failure_is_the_printed_one(pytester: pytest.Pytester) -> None:
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


def test_declared_failures_of_safetensors_are_as_expected(pytester: pytest.Pytester) -> None:
    _run(pytester, "test_safetensors.py").assert_outcomes(passed=1, xfailed=2)


@pytest.mark.skipif("torch" not in BACKENDS, reason="the models in README.md need torch")
def test_model_examples_pass_and_find_a_missing_key(pytester: pytest.Pytester) -> None:
    _run(pytester, "test_network.py").assert_outcomes(passed=1)
    result = _run(pytester, "test_checkpoints.py")
    assert result.parseoutcomes() == {"passed": 2, "failed": 1}
    result.stdout.fnmatch_lines(["*mine [[]mismatch/missing]: CHANGED"])


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md", "README.md"])
def test_files_and_names_in_the_page_exist(page: str) -> None:
    """A name in backticks that a path of a module follows, such as `check` of `a/b.py`, is in that module."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\n   ", " ")
    for path in re.findall(r"`((?:pytest_ckpt|tests|docs|examples|tools)/[\w/.]*)`", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:execution|checks|plugin|compare|runner|workers)/[\w/]+\.py)`", text):
        assert (ROOT / "pytest_ckpt" / path).exists(), path
    for names, path in re.findall(r"((?:`\w+`,? (?:and )?)+)(?:of|in|from) `([\w/]+\.py)`", text):
        source = (ROOT / path).read_text(encoding="utf-8")
        assert [name for name in re.findall(r"\w+", names.replace(" and ", " ")) if name not in source] == [], path
    for name, module in re.findall(r"`(\w+)` (?:of|in) `(pytest_ckpt/backends/<backend>/\w+\.py)`", text):
        sources = [(ROOT / module.replace("<backend>", backend)).read_text(encoding="utf-8") for backend in ("torch", "jax")]
        assert all(name in source for source in sources), (name, module)


@pytest.mark.parametrize("backend", BACKENDS)
def test_tree_examples_pass(backend: str, pytester: pytest.Pytester) -> None:
    _run(pytester, "test_pickle.py", f"--ckpt-backend={backend}").assert_outcomes(passed=3)


def test_ci_runs_the_command_for_all_tests() -> None:
    (line,) = [block.strip() for block in FENCED if "bin/tox" in block]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in line.split(" && "):
        assert all(word in script for word in command.split()), command


def test_table_of_options_is_complete(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest_subprocess("--help").stdout.str()
    named = set(re.findall(r"--ckpt-\w+(?:-\w+)*|\bckpt_\w+", README.split("## Every backend")[1].split("## The formats")[0]))
    offered = set(re.findall(r"^ +(--ckpt-\w+(?:-\w+)*|ckpt_\w+)", text, re.MULTILINE))
    assert named == offered


def test_levels_are_those_of_the_checks() -> None:
    paragraph = README.split("By default the *core* checks")[1].split("`pytest-ckpt list")[0]
    core, extended = (set(re.findall(r"`([\w/-]+)`", part)) for part in paragraph.split("The *extended*"))
    named = {check.name if check.family in core | {"keys"} else check.family for check in CHECKS.values() if check.level != CORE}
    assert {check.family for check in CHECKS.values() if check.level == CORE} == core
    assert named == extended


def test_fixtures_in_the_table_exist(pytester: pytest.Pytester) -> None:
    table = README.split("| fixture |")[1].split("\n\n")[0]
    text = pytester.runpytest_subprocess("--fixtures").stdout.str()
    for name in re.findall(r"ckpt_\w+", table):
        assert f"{name} " in text or f"{name}\n" in text


if importlib.util.find_spec("tox") and UNDER_TEST in ("", "numpy"):

    def test_tox_ini_example_runs(tmp_path: pathlib.Path) -> None:
        """Use the wheel of this project: a released version may lack new names."""
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
