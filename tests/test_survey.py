"""Surveys: what they run, what they print, and that their declarations hold."""

from __future__ import annotations

import os
import pathlib
import pickle
import re
import signal
import subprocess
import sys
import tempfile

import pytest

from pytest_ckpt import Format, Verdict, check_format
from pytest_ckpt.checks import CHECKS
from pytest_ckpt.reports.declaration import closing, entries, imported, opening, reason
from pytest_ckpt.reports.record import read_record
from pytest_ckpt.results import Outcome, Result
from pytest_ckpt.runner.hints import shared_errors
from pytest_ckpt.runner.survey import Survey, merged, without_declarations
from pytest_ckpt.util.temporary_names import without_temporary_names

FORMATS = """
import itertools, os, pickle
import numpy as np
from pytest_ckpt import Format, refused

def save(tree, path):
    path.write_bytes(pickle.dumps(tree))

def load(path):
    return pickle.loads(path.read_bytes())

def save_no_dates(tree, path):
    if any(value.dtype.kind == "M" for value in tree.values()):
        raise TypeError(f"no dates in {path}")
    save(tree, path)

def make(name, **fields):
    return Format(**{"name": name, "backend": "numpy", "save": save, "load": load, "accepts": "dict", **fields})

good = make("good")
picky = make("picky", save=save_no_dates)
swapped = make("swapped", save=lambda path, tree: path.write_bytes(tree))
"""


def _result(check: str, *outcomes: Outcome, skipped: str | None = None) -> Result:
    verdict = None if skipped else outcomes[0].verdict if outcomes else Verdict.KEPT
    detail = outcomes[0].detail if outcomes else ""
    return Result("mine", "numpy", check, verdict, verdict is Verdict.KEPT, detail=detail, skipped=skipped, outcomes=outcomes)


def _family(name: str, *failing: Result) -> list[Result]:
    """Return the failing results and KEPT for the other checks of a family."""
    known = {result.check: result for result in failing}
    return [known.get(check, _result(check)) for check in CHECKS if check.split("/")[0] == name]


def _refused(detail: str) -> Outcome:
    return Outcome(Verdict.REFUSED, detail=detail)


def test_each_outcome_of_a_check_is_declared() -> None:
    found = _result("dtype/bool", Outcome(Verdict.CHANGED, detail="['x']: dtype: expected bool, got int8"), _refused("ValueError: no"))
    (line,) = entries([found])
    assert line == '    "dtype/bool": [changed("dtype: expected bool, got int8"), refused("ValueError: no")],'
    assert opening({"accepts": "dict"}) == ["accepts='dict',", "expected_failures={"]
    assert imported([found, _result("dtype/int8")]) == "from pytest_ckpt import changed, refused"
    assert closing([found]) == ["},", "# from pytest_ckpt import changed, refused"]
    assert closing([_result("dtype/int8")])[1].startswith("# expected_failures is not needed")


def test_flaky_outcome_is_declared_as_flaky() -> None:
    (line,) = entries([_result("process/threads", Outcome(Verdict.CHANGED, detail="values differ", flaky=True))])
    assert line == '    "process/threads": changed("values differ", flaky=True),'


def test_refusal_outside_the_domain_needs_no_entry() -> None:
    outside = Outcome(Verdict.REFUSED, detail="only tensors", outside=True)
    assert entries([_result("container/list", outside), _result("container/dict", Outcome(Verdict.CHANGED, detail="lost"), outside)]) == [
        '    "container/dict": changed("lost"),'
    ]


def test_glob_merges_only_one_kind_of_reason() -> None:
    dates = [_result(f"dtype/{name}", _refused(f"TypeError: no {name}")) for name in ("datetime64", "datetime64-ns", "datetime64-D")]
    texts = _result("dtype/text", _refused("TypeError: no text"))
    assert entries(_family("dtype", *dates, texts)) == [
        '    "dtype/datetime*": refused("TypeError: no datetime64"),', '    "dtype/text": refused("TypeError: no text"),',
    ]  # fmt: skip
    other = [*dates[:2], _result("dtype/datetime64-D", _refused("OSError: disk full"))]
    assert len(entries(_family("dtype", *other))) == 3
    refusals = [_result(check, _refused("TypeError: 'tuple'")) for check in CHECKS if check.startswith("shape/")]
    assert entries(refusals) == ['    "shape/*": refused("TypeError: \'tuple\'"),']


def test_family_that_keeps_nothing_is_one_glob_with_exceptions() -> None:
    names = [check for check in CHECKS if check.startswith("shape/")]
    refusals = [_result(check, _refused("TypeError: no shapes")) for check in names[:-2]]
    others = [_result(names[-2], _refused("OSError: disk full")), _result(names[-1], skipped="no example")]
    assert entries([*refusals, *others]) == [
        '    "shape/*": refused("TypeError: no shapes"),', f'    "{names[-2]}": refused("OSError: disk full"),',
    ]  # fmt: skip
    assert len(entries(_family("shape", *refusals))) > 1


def test_glob_does_not_cut_a_number() -> None:
    lines = entries(_family("dtype", *(_result(f"dtype/{name}", _refused("TypeError: no")) for name in ("int1", "int16"))))
    assert [line.split(":")[0].strip() for line in lines] == ['"dtype/int1"', '"dtype/int16"']


def test_glob_does_not_merge_values_without_a_cause() -> None:
    both = [
        _result(f"layout/{case}", Outcome(Verdict.CHANGED, detail="values: 2 of 4 elements differ\n    [0] ..."))
        for case in ("transposed", "fortran")
    ]
    assert len(entries(both)) == 2
    cause = "\n    likely cause: the memory was written without regard to the strides"
    explained = [_result(each.check, Outcome(Verdict.CHANGED, detail=each.detail + cause)) for each in both]
    assert "values: 2 of 4 elements differ; the memory was written without regard" in entries(explained)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"OSError: cannot open {tempfile.gettempdir()}/pytest-ckpt-12ab34cd-x/7/3-checkpoint.npy: no", "OSError: cannot open <path>: no"),
        ("[Errno 2] No such file: '/tmp/tmpab12cd_9/part 1'", "[Errno 2] No such file: '<path> 1'"),
        ("ValueError: <folder>/tmpk2j4h6g8 is empty (see tmpk2j4h6g8)", "ValueError: <path> is empty (see <name>)"),
        ("TypeError: <object object at 0x7f0011223344>", "TypeError: <object object at 0x…>"),
        ("rename of checkpoint.npy.3a7f9c21e0 to checkpoint.npy", "rename of checkpoint.npy.# to checkpoint.npy"),
        ("[0] expected 0x3e061354 (0.1), got 0x00000000", "[0] expected 0x3e061354 (0.1), got 0x00000000"),
        ("/tmpfs is no temporary path, and neither is a/tmp/b", "/tmpfs is no temporary path, and neither is a/tmp/b"),
    ],
)  # fmt: skip
def test_temporary_names_are_removed(text: str, expected: str) -> None:
    assert without_temporary_names(text) == expected


def test_reason_is_one_short_line() -> None:
    text = reason(_refused("ValueError: first\nsecond line\n" + "x" * 500))
    assert text == "ValueError: first"
    assert len(reason(_refused("x" * 500))) == 160
    elements = "['x']: values: 8 of 8 elements differ\n    [0] expected 0x1, got 0x2"
    detail = f"{elements}\nkeys: 'y' is missing\nblock 3 is zero\n1 of 9 copies got CHANGED"
    assert reason(Outcome(Verdict.CHANGED, detail=detail)) == "block 3 is zero: values: 8 of 8 elements differ"


def test_error_is_a_comment_and_is_not_declared() -> None:
    lines = entries([_result("dtype/bool", Outcome(Verdict.ERROR, detail="Traceback\n  ZeroDivisionError"))])
    assert lines == ["    # dtype/bool: ERROR", "    # Traceback", "    #   ZeroDivisionError"]
    assert compile("{\n" + "\n".join(lines) + "\n}", "", "eval")


def test_several_runs_give_every_verdict_and_mark_it_as_flaky() -> None:
    changed, unreadable = Outcome(Verdict.CHANGED, detail="other values"), Outcome(Verdict.UNREADABLE, detail="incomplete")
    check = "process/threads"
    found = merged([_result(check, unreadable), _result(check, changed, unreadable), _result(check, unreadable)])
    assert [(each.verdict, each.flaky) for each in found.outcomes] == [(Verdict.CHANGED, True), (Verdict.UNREADABLE, False)]
    assert found.verdict is Verdict.CHANGED
    assert "flaky: 1 of 3 runs of this check got CHANGED" in found.outcomes[0].detail
    once = merged([_result(check), _result(check, unreadable)])
    assert [(each.verdict, each.flaky) for each in once.outcomes] == [(Verdict.UNREADABLE, True)]
    assert merged([_result(check), _result(check, skipped="not here")]).verdict is Verdict.KEPT
    assert merged([_result(check), _result(check)]).outcomes == ()


def test_racy_check_runs_several_times(tmp_path: pathlib.Path) -> None:
    """The loader of this format fails at every seventh call, as a race would make it fail at some."""
    counter = tmp_path / "calls"

    def save(tree: object, path: pathlib.Path) -> None:
        path.write_bytes(pickle.dumps(tree))

    def load(path: pathlib.Path) -> object:
        with counter.open("ab") as file:
            file.write(b".")
            if file.tell() % 7 == 0:
                raise EOFError("incomplete")
        return pickle.loads(path.read_bytes())

    format = Format(name="racy", backend="numpy", save=save, load=load, accepts="dict")
    with Survey(without_declarations(format), "process/threads,shape/plain", examples=0) as survey:
        plain, threads = (survey.run(check) for check in survey.checks)
    assert counter.stat().st_size > 2 * 4
    assert [(each.verdict, each.flaky) for each in threads.outcomes] == [(Verdict.UNREADABLE, True)]
    assert not CHECKS[plain.check].racy


def test_racy_checks_are_those_with_several_processes_threads_or_a_clock() -> None:
    racy = {check.name for check in CHECKS.values() if check.racy}
    crashes = {f"crash/{case}" for case in ("kill", "exception", "power-loss", "durable", "new-path")}
    shared = {f"process/{case}" for case in ("two-writers", "reader-beside-writer", "threads", "change-after-save", "memory", "leaks")}
    assert racy == crashes | shared | {"files/deterministic"}


def test_same_error_in_every_check_is_a_hint() -> None:
    swapped = [_result(f"shape/{case}", _refused("AttributeError: 'dict' object has no attribute 'write_bytes'")) for case in "abc"]
    (hint,) = shared_errors(swapped)
    assert hint.startswith("mine: every check was refused with the same error (AttributeError: 'dict' object")
    assert "Are the arguments swapped? save is called as save(tree, path)" in hint
    assert list(shared_errors(swapped[:2])) == [], "too few checks"
    assert list(shared_errors([*swapped, _result("shape/d")])) == []
    assert list(shared_errors([*swapped, _result("shape/d", _refused("ValueError: no"))])) == []
    unreadable = [_result(f"shape/{case}", Outcome(Verdict.UNREADABLE, detail="TypeError: load() takes 2")) for case in "abc"]
    assert "load is called as load(path), and with template=True" in next(iter(shared_errors(unreadable)))


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "surveyed.py").write_text(FORMATS)
    (tmp_path / "temporary").mkdir()
    return folder


def _command(folder: pathlib.Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    return [sys.executable, "-m", "pytest_ckpt", *arguments], {**os.environ, "TMPDIR": str(folder.parent / "temporary")}


def _survey(folder: pathlib.Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command, variables = _command(folder, "survey", "--examples=0", *arguments)
    run = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    assert list((folder.parent / "temporary").iterdir()) == []
    return run


SELECT = "--select=dtype/*time*,shape/plain,corruption/empty"


def test_survey_in_several_processes_prints_the_same(folder: pathlib.Path) -> None:
    one = _survey(folder, "surveyed:picky", SELECT)
    several = _survey(folder, "surveyed:picky", SELECT, "-n2")
    assert (one.returncode, one.stderr) == (several.returncode, several.stderr) == (0, "")
    assert one.stdout == several.stdout
    assert '    "dtype/datetime*": refused("save raised TypeError: no dates in <path>"),' in one.stdout


def test_survey_writes_declaration_and_record(folder: pathlib.Path) -> None:
    run = _survey(folder, "surveyed:picky", "surveyed:good", SELECT, "-o", "declared.py", "--json", "record.json")
    assert (run.returncode, run.stderr) == (0, "")
    printed = run.stdout.splitlines()
    written = (folder / "declared.py").read_text().splitlines()
    assert written == ["from pytest_ckpt import refused", "", *(line for line in printed if not line.startswith("# from"))]
    record = read_record(folder / "record.json")
    assert [row.name for row in record.rows] == ["picky", "good"]
    assert {str(cell.verdict) for cell in record.rows[0].cells} == {"KEPT", "REFUSED"}
    assert record.select == tuple(SELECT.removeprefix("--select=").split(","))


def test_survey_of_swapped_arguments_says_so(folder: pathlib.Path) -> None:
    run = _survey(folder, "surveyed:swapped", "--select=shape,layout")
    assert run.returncode == 0
    assert "# swapped: every check was refused with the same error (save raised AttributeError: 'dict' object" in run.stdout


def test_process_that_ends_is_an_error_of_its_check(folder: pathlib.Path) -> None:
    """The process is ended by the repr of a counterexample. No process of a format may end it, so this stands for a bug."""
    (folder / "ending.py").write_text(
        "import os, pathlib\nfrom surveyed import *\nfrom pytest_ckpt.runner.survey import Survey\nrun = Survey.run\n"
        "def end(self, check):\n    if check.name == 'shape/empty': os._exit(7)\n    return run(self, check)\n"
        "Survey.run = end\nending = make('ending')\n"
    )
    run = _survey(folder, "ending:ending", "--select=shape", "-n2", "-o", "declared.py")
    assert run.returncode == 1
    assert "    # shape/empty: ERROR\n    # the process of pytest-ckpt that ran this check ended with exit code 7" in run.stdout
    assert "# 0 of" not in run.stdout


@pytest.mark.parametrize("processes", ["-n1", "-n2"])
def test_interrupted_survey_keeps_what_is_known(folder: pathlib.Path, processes: str) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    (folder / "slow.py").write_text(
        "from surveyed import *\n"
        "import time\n"
        "def save_slowly(tree, path):\n"
        "    if any(value.ndim > 4 for value in tree.values()):\n"
        f"        with open({str(pipe)!r}, 'w') as file: file.write('saved')\n"
        "        time.sleep(60)\n"
        "    save_no_dates(tree, path)\n"
        "slow = make('slow', save=save_slowly)\n"
    )
    command, variables = _command(folder, "survey", "slow:slow", "--examples=0", "--select=dtype,shape", processes, "-o", "declared.py")
    process = subprocess.Popen(command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with pipe.open() as file:
        assert file.read(5) == "saved"
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode in (130, -signal.SIGINT)
    assert errors == "pytest-ckpt: interrupted\n"
    assert re.search(r"^# interrupted after \d+ of \d+ checks$", output, re.MULTILINE)
    assert '    "dtype/datetime*": refused("save raised TypeError: no dates in <path>"),' in output
    assert '"dtype/datetime*": refused(' in (folder / "declared.py").read_text()
    assert list((folder.parent / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-n", "few"], "-n must be a number of processes, or 'auto', got 'few'"),
        (["-o", "nowhere/file"], "--output: the folder nowhere does not exist"),
        (["--json=nowhere/file"], "--json: the folder nowhere does not exist"),
    ],
)
def test_wrong_options_of_survey_are_usage_errors(folder: pathlib.Path, arguments: list[str], message: str) -> None:
    run = _survey(folder, "surveyed:good", *arguments)
    assert (run.returncode, run.stderr) == (2, f"pytest-ckpt: {message}\n")


def test_declaration_of_a_survey_holds(folder: pathlib.Path) -> None:
    checks = ["dtype/*time*", "process/two-writers", "crash/kill"]
    run = _survey(folder, "surveyed:picky", f"--select={','.join(checks)}", "-n2")
    assert run.returncode == 0
    names: dict[str, object] = {}
    exec(FORMATS + "\nfrom pytest_ckpt import *\n", names)
    format = eval(f"Format(name='pasted', backend='numpy', save=save_no_dates, load=load,\n{run.stdout}\n)", names)
    for _ in range(2):
        assert [str(result) for result in check_format(format, select=checks, examples=0) if result.failed] == []


def test_survey_adds_checks_that_block_selected_ones(folder: pathlib.Path) -> None:
    (folder / "losing.py").write_text(
        "from surveyed import *\nlosing = make('losing', load=lambda path: {name: value * 0 for name, value in load(path).items()})\n"
    )
    run = _survey(folder, "losing:losing", "--select=files/overwrite-smaller")
    assert run.returncode == 0
    assert re.search(r'^    "(dtype|bits)/\S+": changed\(', run.stdout, re.MULTILINE), run.stdout
    assert re.search(r"^# \d+ checks were added, because they block others$", run.stdout, re.MULTILINE)
