"""The command line, run in a new process: its output, its exit codes, and that it leaves no files."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

import pytest_ckpt
import pytest_ckpt.checks
import pytest_ckpt.cli
from pytest_ckpt import Format, check_format, list_checks
from pytest_ckpt.backends import known_backends
from pytest_ckpt.formats import known_formats

from .test_plugin import FORMATS

FAST = "--examples=0"
MORE = """
good = make("good")
bad = make("bad", load=load_transposed)
declared = make("declared", save=save_no_bool, accepts="dict", expected_failures={"dtype/bool": refused("no bool")})
unused = make("unused", expected_failures={"shape/*": refused("none of them")})
unsound = make("unsound", expected_failures={"dtype/boool": refused("x")})
twin = make("good")
number = 3
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a project folder. Its own pytest settings and conftest.py would break a run that reads them."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "mylib.py").write_text(FORMATS + MORE)
    (folder / "broken.py").write_text("raise RuntimeError('not today')")
    (folder / "conftest.py").write_text("raise RuntimeError('the run must not load this conftest')")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\nckpt_select = no-such-check\n")
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\naddopts = '--no-such-option'\n")
    (tmp_path / "temporary").mkdir()
    return folder


def _environment(folder: pathlib.Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COLUMNS"))}
    return {**kept, "TMPDIR": str(folder.parent / "temporary"), "PYTEST_ADDOPTS": "--no-such-option"}


def _call(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the folder, and assert that it leaves no files there and no temporary files."""
    before = sorted(folder.rglob("*"))
    command = [sys.executable, "-m", "pytest_ckpt", *arguments]
    run = subprocess.run(command, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False)
    assert [entry for entry in sorted(folder.rglob("*")) if entry not in before and entry.suffix != ".xml"] == []
    assert list((folder.parent / "temporary").iterdir()) == []
    return run


def _matrix(text: str) -> list[list[str]]:
    lines = text.splitlines()
    end = next(place for place, line in enumerate(lines) if line.startswith("ok: all KEPT"))
    start = max(place for place in range(end - 1) if not lines[place])
    return [re.split(r" {2,}", line.strip()) for line in lines[start + 1 : end - 1]]


def test_run_prints_table_and_command_that_shows_more(folder: pathlib.Path) -> None:
    run = _call(folder, "run", "mylib:bad", "mylib:declared", FAST, "--select", "shape", "--select=layout/fortran", "--select=dtype/bool")
    assert run.returncode == 1, run.stderr
    assert _matrix(run.stdout) == [
        ["dtype", "shape", "layout"], ["bad", "CHANGED", "CHANGED", "CHANGED"], ["declared", "xfail", "ok", "ok"],
    ]  # fmt: skip
    assert "18 checks of 2 format(s): 14 kept, 1 xfailed, 3 failed;" in run.stdout
    assert "to run one check: pytest-ckpt run mylib:bad --select dtype/bool" in run.stdout
    assert "rerun: pytest-ckpt run mylib:bad --select=layout/fortran --examples=0" in run.stdout
    assert "FAILED bad::layout/fortran - CheckFailed: bad [layout/fortran]: CHANGED" in run.stdout
    assert "test session starts" in run.stdout, "progress"
    assert run.stderr == ""


def test_run_passes_pytest_options_and_keeps_format_order(folder: pathlib.Path) -> None:
    arguments = (
        "mylib:good",
        "--select=shape",
        "mylib:declared",
        "-n",
        "2",
        "-k",
        "not empty",
        "-v",
        "--junitxml",
        "report.xml",
        "--durations=2",
    )
    run = _call(folder, "run", *arguments, FAST, "--seed=random")
    assert run.returncode == 0, run.stdout + run.stderr
    assert _matrix(run.stdout) == [["shape"], ["good", "ok"], ["declared", "ok"]]
    assert "PASSED good::shape/scalar" in run.stdout
    assert "12 checks of 2 format(s): 12 kept;" in run.stdout
    assert re.search(r"^ckpt: seed \d+ \(random", run.stdout, re.MULTILINE)
    names = {(case.get("classname"), case.get("name")) for case in ElementTree.parse(folder / "report.xml").iter("testcase")}
    assert len(names) == 12
    assert ("good", "shape/scalar") in names


def test_unused_pattern_fails_the_run(folder: pathlib.Path) -> None:
    run = _call(folder, "run", "mylib:unused", FAST, "--select=shape")
    assert run.returncode == 1
    assert "expected_failures['shape/*']: all 7 checks that it covers are KEPT; remove the entry" in run.stdout
    assert "FAILED unused[shape/*]" in run.stdout


def test_select_accepts_commas_and_exclusions(folder: pathlib.Path) -> None:
    run = _call(folder, "run", "mylib:good", FAST, "--select", "shape,layout/fortran", "--select", "-shape/*,-layout/t*", "-v")
    assert run.returncode == 0, run.stderr
    assert re.findall(r"^good::(\S+) PASSED", run.stdout, re.MULTILINE) == ["layout/fortran"]


def test_option_x_stops_at_first_failure(folder: pathlib.Path) -> None:
    run = _call(folder, "run", "mylib:bad", FAST, "--select=layout", "-x", "-v")
    assert run.returncode == 1
    assert len(re.findall(r"^bad::\S+ FAILED", run.stdout, re.MULTILINE)) == 1


def test_run_accepts_pair_of_functions(folder: pathlib.Path) -> None:
    arguments = ("--save", "mylib:save", "--load", "mylib:load_transposed", "--backend", "numpy", "--accepts", "dict", "--suffix", ".bin")
    run = _call(folder, "run", *arguments, FAST, "--select=layout/fortran", "--select=shape/scalar")
    assert run.returncode == 1
    assert _matrix(run.stdout) == [["shape", "layout"], ["mylib.save", "ok", "CHANGED"]]
    named = "--save=mylib:save --load=mylib:load_transposed --backend=numpy --accepts=dict --suffix=.bin"
    assert f"rerun: pytest-ckpt run {named} --select=layout/fortran --examples=0" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "the following arguments are required: *"),
        ("rnu", "*invalid choice: 'rnu' *"),
        ("run numpy.sav", "unknown format 'numpy.sav': did you mean 'numpy.save'?"),
        ("run mylib:god", "the module 'mylib' has no 'god': did you mean 'good'?"),
        ("run mylib:number", "mylib:number must be a pytest_ckpt.Format, not int"),
        ("run mylib:", "'mylib:' must have the form module:object, *"),
        ("run mylab:good", "cannot import the module 'mylab' of 'mylab:good': ModuleNotFoundError: *"),
        ("run broken:good", "cannot import the module 'broken' of 'broken:good': RuntimeError: not today"),
        ("run mylib:unsound", "format 'unsound', expected_failures: unknown check or family 'dtype/boool': did you mean 'dtype/bool'?"),
        ("run mylib:good mylib:twin", "*need different names; used more than once: good"),
        ("run numpy.save --select dtpye", "--select: unknown check or family 'dtpye': did you mean 'dtype'?"),
        ("run numpy.save --select -x", "--select: unknown check or family 'x': *"),
        ("run numpy.save --select --json=x", "argument --select: expected one argument *"),
        ("run numpy.save --select tensor/prng-key", "numpy.save: --select tensor/prng-key selects no check for the backend"),
        ("run numpy.save --examples -1", "--examples must be an integer of at least 0, got -1"),
        ("run numpy.save --examples few", "argument --examples: invalid int value: 'few' *"),
        ("run numpy.save --seed two", "--seed must be an integer of at least 0, or 'random', got 'two'"),
        ("run --backend nunpy", "unknown backend 'nunpy': did you mean 'numpy'?"),
        ("run numpy.save --backend numpy", "FORMAT cannot be combined with --backend, *"),
        ("run --save mylib:save", "--save and --load must be given together"),
        ("run --save mylib:save --load mylib:load", "--save and --load need --backend, *"),
        ("run --save mylib:save --load mylib:load --backend nunpy", "unknown backend 'nunpy': did you mean 'numpy'?"),
        ("run --save mylib:number --load mylib:load --backend numpy", "*save must be a function, not int: 3"),
        ("run numpy.save --save mylib:save --load mylib:load --backend numpy", "FORMAT cannot be combined with --save and --load: *"),
        ("run --accepts dicts", "argument --accepts: invalid choice: 'dicts' *"),
        ("run numpy.save --template", "--template can only be used with --save and --load"),
        ("run numpy.save --no-such-option", "*unrecognized arguments: --no-such-option"),
        ("run numpy.save -n some", "*some*"),
        ("run numpy.save -k nothing-like-it --select=shape", "the options select no check"),
        ("survey", "survey needs a FORMAT, *"),
        ("survey numpy.save --select dtpye", "--select: unknown check or family 'dtpye': did you mean 'dtype'?"),
        ("run numpy.save --select shape --json nowhere/record.json", "--json: the folder nowhere does not exist"),
        ("report", "*the following arguments are required: FILE *"),
        ("report no-such-file", "*No such file or directory: 'no-such-file'"),
        ("report mylib.py", "mylib.py is not a record of 'pytest-ckpt run --json': *"),
        ("survey numpy.save --examples -1", "--examples must be an integer of at least 0, got -1"),
        ("survey numpy.save --no-such-option", "unrecognized arguments: --no-such-option *"),
        ("list frameworks", "*invalid choice: 'frameworks' *"),
        ("list checks --backend nunpy", "unknown backend 'nunpy': did you mean 'numpy'?"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_exit_code_2(
    folder: pathlib.Path, arguments: str, message: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if "--no-such" in arguments or "-n " in arguments or "-k " in arguments:
        run = _call(folder, *arguments.split())
        code, lines = run.returncode, run.stderr.splitlines()
    else:  # No check runs, so this process can do it, which is much faster.
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "path", list(sys.path))
        code = pytest_ckpt.cli.main(arguments.split())
        lines = capfd.readouterr().err.splitlines()
        for name in ("mylib", "broken"):
            sys.modules.pop(name, None)
    assert code == 2
    assert len(lines) == 1
    pattern = re.escape(f"pytest-ckpt: {message}").replace(r"\*", ".*")
    assert re.fullmatch(pattern, lines[0]), lines[0]


def test_missing_backend_is_wrong_usage(folder: pathlib.Path) -> None:
    missing = [name for name in known_backends() if name not in pytest_ckpt.backends.installed_backends()]
    if not missing:
        pytest.skip("every framework is installed here")
    run = _call(folder, "run", "--backend", missing[0])
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"pytest-ckpt: {pytest_ckpt.backends.missing(missing[0])}\n"
    assert f"pip install 'pytest-ckpt[{missing[0]}]'" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "fields"),
    [
        (["mylib:bad"], ("save", "load_transposed")),
        (["--save", "mylib:save_no_bool", "--load", "mylib:load", "--backend", "numpy"], ("save_no_bool", "load")),
    ],
    ids=["format", "functions"],
)
def test_survey_output_can_be_pasted_as_declaration(folder: pathlib.Path, arguments: list[str], fields: tuple[str, str]) -> None:
    checks = ("dtype", "shape", "layout", "container", "keys", "tensor", "alias", "files/path-*", "corruption/truncate")
    run = _call(folder, "survey", *arguments, FAST, *map("--select={}".format, checks))
    assert (run.returncode, run.stderr) == (0, "")
    names: dict[str, object] = {}
    exec(FORMATS, names)
    exec("from pytest_ckpt import *", names)
    source = f"Format(name='pasted', backend='numpy', save={fields[0]}, load={fields[1]},\n{run.stdout}\n)"
    format = eval(source, names)
    assert isinstance(format, Format)
    assert format.expected_failures
    for select in (checks, ("layout", "shape")):
        assert [str(result) for result in check_format(format, select=select, examples=0) if result.failed] == []


def test_each_line_of_list_begins_with_one_name(folder: pathlib.Path) -> None:
    def names(*arguments: str) -> list[str]:
        run = _call(folder, "list", *arguments)
        assert (run.returncode, run.stderr) == (0, "")
        return [line.split()[0] for line in run.stdout.splitlines()]

    assert names() == names("formats") == list(known_formats())
    assert names("backends") == list(known_backends())
    assert names("checks", "--backend=numpy") == list_checks("numpy")
    assert names("formats", "--backend=mxnet") == ["mxnet.parameters", "mxnet.export", "mxnet.npx-save", "mxnet.nd-save"]


def test_closed_output_pipe_is_no_error(folder: pathlib.Path) -> None:
    for arguments in ("list checks", "run mylib:good --select=shape -v --examples=0", "survey mylib:bad --select=shape --examples=0"):
        command = f"{sys.executable} -m pytest_ckpt {arguments} | head -1"
        run = subprocess.run(command, shell=True, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False)
        assert len(run.stdout.splitlines()) == 1
        assert run.stderr == ""
        assert list((folder.parent / "temporary").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
@pytest.mark.parametrize("arguments", [["run", "-v"], ["run", "-v", "-n2"], ["survey"]], ids=["run", "workers", "survey"])
def test_interrupted_run_leaves_no_files_and_exits_with_130(folder: pathlib.Path, number: signal.Signals, arguments: list[str]) -> None:
    """The signal is sent while examples are drawn: the 50th save writes into a pipe, and the test reads it."""
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    (folder / "loud.py").write_text(
        "import itertools\n"
        "from mylib import *\n"
        "saves = itertools.count()\n"
        "def save_loudly(tree, path):\n"
        "    if next(saves) == 50:\n"
        f"        with open({str(pipe)!r}, 'w') as file: file.write('saved')\n"
        "    save(tree, path)\n"
        "loud = make('loud', save=save_loudly)\n"
    )
    before = sorted(folder.rglob("*"))
    select = ["--select=dtype", "--examples=100"]
    command = [sys.executable, "-m", "pytest_ckpt", *arguments, *select, "loud:loud"]
    process = subprocess.Popen(command, cwd=folder, env=_environment(folder), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with pipe.open() as file:
        assert file.read(5) == "saved"
        # Python ignores an interrupt that arrives in a callback of the garbage collector, and Hypothesis
        # has one. Then interrupt again, as a user would.
        for _ in range(3):
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=30)
                break
    # A shell shows 130 for both. If the interrupt arrives in code compiled from a string, `python -m`
    # ends by SIGINT even if the program has caught it.
    assert process.returncode in (130, -signal.SIGINT)
    assert sorted(folder.rglob("*")) == before
    assert list((folder.parent / "temporary").iterdir()) == []


def test_version_and_help(folder: pathlib.Path) -> None:
    assert _call(folder, "--version").stdout == f"pytest-ckpt {pytest_ckpt.__version__}\n"
    text = " ".join(_call(folder, "run", "--help").stdout.split())
    for part in (
        "FORMAT",
        "--select NAME",
        "--examples N",
        "--seed N",
        "--save M:F",
        "--accepts",
        "-n NUM",
        "--junitxml FILE",
        "--maxfail=3",
    ):
        assert part in text
    script = shutil.which("pytest-ckpt", path=str(pathlib.Path(sys.executable).parent))
    assert script is not None
    assert subprocess.run([script, "--version"], capture_output=True, text=True, check=True).stdout.startswith("pytest-ckpt ")


def test_explain_prints_assertion_reason_and_fix(folder: pathlib.Path) -> None:
    text = _call(folder, "explain", "process/memory").stdout
    assert text.startswith("process/memory (extended, runs in worker processes)\n    Saving and loading use at most three times")
    for part in ("Why: ", "numpy/numpy#5902", "What to do: "):
        assert part in text
    wrong = _call(folder, "explain", "process/memoryy")
    assert wrong.returncode == 2
    assert "did you mean 'process/memory'?" in wrong.stderr
    assert _call(folder, "explain", "all").stdout.count("What to do: ") == len(pytest_ckpt.checks.CHECKS)
