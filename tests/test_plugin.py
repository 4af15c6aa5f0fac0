"""The decorator `conformance`, the options and the settings, in pytest sessions with test files of a user."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from pytest_ckpt.specs import *  # noqa: F403, a counterexample evaluates with these names

FORMATS = """
import pickle
import numpy as np
from pytest_ckpt import Format, Verdict, changed, conformance, refused

def save(tree, path):
    path.write_bytes(pickle.dumps(tree))

def load(path):
    return pickle.loads(path.read_bytes())

def load_transposed(path):
    return {name: value.T.copy().reshape(value.shape) if value.ndim == 2 else value for name, value in load(path).items()}

def save_no_bool(tree, path):
    if any(getattr(value, "dtype", None) == bool for value in tree.values()):
        raise ValueError("no bool")
    save(tree, path)

def make(name="mine", **fields):
    return Format(**{"name": name, "backend": "numpy", "save": save, "load": load, **fields})
"""

#: Only the fixed examples, so that a session is fast.
FAST = ("-p", "no:cacheprovider", "--ckpt-examples=0")


@pytest.fixture
def mylib(pytester: pytest.Pytester) -> pytest.Pytester:
    """Return a folder that contains a library to test."""
    pytester.makepyfile(mylib=FORMATS)
    pytester.syspathinsert()
    return pytester


def _test(pytester: pytest.Pytester, body: str, name: str = "test_it") -> None:
    pytester.makepyfile(**{name: f"import pytest\nfrom mylib import *\n{body}"})


def _items(result: pytest.RunResult) -> list[str]:
    return sorted(set(re.findall(r"\S+::test_\S+", result.stdout.str())))


def test_each_check_is_item_with_its_name_as_id(mylib: pytest.Pytester) -> None:
    _test(mylib, "@conformance(make(), select='shape')\ndef test_mylib(check): check()")
    result = mylib.runpytest("-v", *FAST)
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["test_it.py::test_mylib?shape/scalar? PASSED*"])


def test_conformance_accepts_fields_of_one_format(mylib: pytest.Pytester) -> None:
    _test(
        mylib, "@conformance(name='k', backend='numpy', save=save, load=load, select=['shape/ones'])\ndef test_mylib(check): check()"
    )  # fmt: skip
    mylib.runpytest("-v", *FAST).stdout.fnmatch_lines(["test_it.py::test_mylib?shape/ones? PASSED*"])


def test_ids_name_the_format_if_there_are_several(mylib: pytest.Pytester) -> None:
    _test(mylib, "@conformance(make('one'), make('two'), select='shape/ones')\ndef test_mylib(check): check()")
    assert _items(mylib.runpytest("-v", *FAST)) == ["test_it.py::test_mylib[one-shape/ones]", "test_it.py::test_mylib[two-shape/ones]"]


def test_check_returns_result_and_shows_reasons(mylib: pytest.Pytester) -> None:
    _test(
        mylib,
        """
declared = {"dtype/bool": refused("bool has no place in the file")}
@conformance(make(save=save_no_bool, expected_failures=declared), select=["dtype/bool", "dtype/int8", "bits/bool", "dtype/bfloat16"])
def test_mylib(check):
    result = check()
    assert (result.check, result.verdict, result.passed) == ("dtype/int8", Verdict.KEPT, True)

@conformance(make("broken", load=lambda path: {name: value.astype("f8") for name, value in load(path).items()}), select=["dtype", "bits"])
def test_broken(check):
    if check.check.name == "bits/float32":
        check()
    else:
        pytest.skip("not now")
""",
    )
    result = mylib.runpytest("-rxs", *FAST, "-k", "dtype/bool or int8 or broken and bits/float32")
    result.stdout.fnmatch_lines_random(
        ["XFAIL *dtype/bool* - REFUSED: bool has no place in the file", "SKIPPED * blocked by dtype/float32*"]
    )


def test_failure_message_is_complete_and_its_spec_evaluates(mylib: pytest.Pytester) -> None:
    _test(mylib, "@conformance(make(load=load_transposed), select='layout/fortran')\ndef test_mylib(check): check()")
    result = mylib.runpytest("-p", "no:cacheprovider", "--ckpt-seed=3")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([
        "mine ?layout/fortran?: CHANGED", "check: A tensor *", "expected: KEPT (no entry in expected_failures)",
        "counterexample: *", "*2 of 4 elements differ*", "* expected 0x*, got 0x*",
        "rerun: pytest 'test_it.py::test_mylib?layout/fortran?' --ckpt-seed=3",
        "FAILED test_it.py::test_mylib?layout/fortran? - CheckFailed: mine*",
    ])  # fmt: skip
    text = next(line for line in result.stdout.lines if line.startswith("counterexample: ")).removeprefix("counterexample: ")
    assert repr(eval(text)) == text
    assert "test_mylib(check)" not in result.stdout.str(), "the failure is shown without a traceback"


def test_rerun_command_reproduces_failure(mylib: pytest.Pytester) -> None:
    """From another folder, and for a check that only the command line selects."""
    _test(mylib, "@conformance(make(load=lambda path: dict(reversed(load(path).items()))))\ndef test_mylib(check): check()")
    folder = mylib.mkdir("elsewhere")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", ".."]
    first = subprocess.run([*command, "--ckpt-select=keys/order", "--ckpt-seed=5"], cwd=folder, capture_output=True, text=True, check=False)
    line = next(line for line in first.stdout.splitlines() if line.startswith("rerun: "))
    arguments = shlex.split(line.removeprefix("rerun: pytest "))
    assert arguments == ["../test_it.py::test_mylib[keys/order]", "--ckpt-select=keys/order", "--ckpt-seed=5"]
    again = subprocess.run([*command[:-1], *arguments], cwd=folder, capture_output=True, text=True, check=False)
    shown = [[line for line in run.stdout.splitlines() if line.startswith("counterexample")] for run in (first, again)]
    assert shown[0] == shown[1] != []


def test_expected_failure_that_is_kept_fails(mylib: pytest.Pytester) -> None:
    _test(mylib, "@conformance(make(expected_failures={'dtype/bool': refused('x')}), select='dtype/bool')\ndef test_mylib(check): check()")
    result = mylib.runpytest(*FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*: KEPT", "expected: REFUSED (x)"])


UNUSED = "@conformance(make(expected_failures={'shape/*': refused('x')}), select='shape')\ndef test_mylib(check): check()"


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["one-process", "workers"])
def test_unused_pattern_fails_the_run_once(mylib: pytest.Pytester, workers: tuple[str, ...]) -> None:
    _test(mylib, UNUSED)
    result = (mylib.runpytest_subprocess if workers else mylib.runpytest)(*FAST, *workers, "--junitxml=report.xml")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert result.parseoutcomes()["failed"] == 1
    result.stdout.fnmatch_lines(
        [
            "mine [[]shape/[*]]: KEPT",
            "expected: REFUSED (x)",
            "expected_failures?'shape/[*]'?: all 7 checks that it covers are KEPT; remove the entry",
            "FAILED test_it.py::test_mylib?shape/??*",
        ]
    )
    assert len(list(ElementTree.parse(mylib.path / "report.xml").iter("failure"))) == 1


@pytest.mark.parametrize(
    "options", [("-k", "scalar or ones"), ("--deselect", "test_it.py::test_mylib[shape/ones]"), ("--ckpt-select=shape/ones",)]
)
def test_pattern_is_not_judged_unless_all_its_checks_ran(mylib: pytest.Pytester, options: tuple[str, ...]) -> None:
    _test(mylib, UNUSED)
    assert mylib.runpytest(*FAST, *options).ret == pytest.ExitCode.OK


def test_option_overrides_decorator_overrides_setting(mylib: pytest.Pytester) -> None:
    _test(
        mylib,
        """
@conformance(make())
def test_bare(check): print("bare", check().check, check.runner.examples, check.runner.seed)
@conformance(make(), select=["shape/ones"], examples=2, seed=7)
def test_decorated(check): print("decorated", check().check, check.runner.examples, check.runner.seed)
""",
    )
    mylib.makeini("[pytest]\nckpt_select = shape/scalar 'shape/emp*'\nckpt_examples = 3")

    def seen(*options: str) -> list[str]:
        result = mylib.runpytest("-s", "-q", "-p", "no:cacheprovider", *options)
        return re.findall(r"(?:bare|decorated) \S+ \d+ \d+", result.stdout.str())

    assert seen() == ["bare shape/scalar 3 0", "bare shape/empty 3 0", "decorated shape/ones 2 7"]
    options = ("--ckpt-select=shape/plain", "--ckpt-examples=1", "--ckpt-seed=9")
    assert seen(*options) == ["bare shape/plain 1 9", "decorated shape/plain 1 9"]
    assert seen("--ckpt-select=shape/plain", "--ckpt-select=layout", "--ckpt-select=-layout/*") == [
        "bare shape/plain 3 0", "decorated shape/plain 2 7",
    ]  # fmt: skip
    assert seen("--ckpt-examples=0")[-1] == "decorated shape/ones 0 7"


DRAWS = """
import os
def note(tree, path):
    with open(os.environ["DRAWS"], "a") as file: file.write(repr(tree).replace("\\n", "") + "\\n")
    save(tree, path)
@conformance(make(save=note), select=["dtype/int8", "dtype/int16", "dtype/int32", "dtype/int64"])
def test_mylib(check):
    check()
"""


def test_random_seed_is_printed_and_shared_by_workers(mylib: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """With that seed, another run draws the same examples, even in another import mode."""
    _test(mylib, DRAWS)
    monkeypatch.setenv("PYTHONPATH", str(mylib.path))

    def draws(*options: str) -> tuple[list[str], str]:
        path = mylib.path / f"draws-{len(list(mylib.path.iterdir()))}.txt"
        monkeypatch.setenv("DRAWS", str(path))
        result = mylib.runpytest_subprocess("-q", "-p", "no:cacheprovider", "--ckpt-examples=5", "-n2", *options)
        result.assert_outcomes(passed=4)
        return sorted(path.read_text().splitlines()), result.stdout.str()

    first, text = draws("--ckpt-seed=random", "--import-mode=prepend")
    match = re.search(r"ckpt: seed (\d+) \(random", text)
    assert match is not None
    assert len(first) > 4
    assert draws(f"--ckpt-seed={match[1]}", "--import-mode=importlib")[0] == first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--ckpt-backend=nunpy",), "--ckpt-backend: unknown backend 'nunpy': did you mean 'numpy'?"),
        (("--ckpt-select=layuot",), "--ckpt-select: unknown check or family 'layuot': did you mean 'layout'?"),
        (("--ckpt-examples=-1",), "--ckpt-examples must be an integer of at least 0, got -1"),
        (("--ckpt-seed=two",), "--ckpt-seed must be an integer of at least 0, or 'random', got 'two'"),
        (("--ckpt-update-regressions",), "--ckpt-update-regressions needs a file: *"),
        (("--ckpt-regressions=nowhere.json",), "--ckpt-regressions: the file *nowhere.json does not exist; *"),
        (("-o", "ckpt_backends=nunpy"), "ckpt_backends: unknown backend 'nunpy': did you mean 'numpy'?"),
        (("-o", "ckpt_select=-layuot"), "ckpt_select: unknown check or family 'layuot': did you mean 'layout'?"),
        (("-o", "ckpt_examples=some"), "the setting ckpt_examples must be an integer of at least 0, got 'some'"),
    ],
)
def test_wrong_settings_are_usage_errors(pytester: pytest.Pytester, options: tuple[str, ...], message: str) -> None:
    result = pytester.runpytest(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"ERROR: {message}"])


def test_named_backend_that_is_not_installed_is_usage_error(pytester: pytest.Pytester) -> None:
    """The process hides torch, so that the test is the same in every environment."""
    pytester.makepyfile(
        run="""
        import importlib.util, sys, pytest
        find = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name == "torch" else find(name, *rest)
        sys.exit(pytest.main(sys.argv[1:]))
        """
    )
    for option in ("--ckpt-backend=torch", "-ockpt_backends=torch"):
        result = pytester.runpython_c(f"import sys, runpy; sys.argv = ['run', {option!r}]; runpy.run_path('run.py', run_name='__main__')")
        assert result.ret == pytest.ExitCode.USAGE_ERROR
        result.stderr.fnmatch_lines(["ERROR: *: the backend 'torch' needs the package 'torch': pip install *; installed backends: numpy*"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("@conformance(make())\ndef test_mylib(): pass", "*@conformance passes an argument named 'check'*, but the test does not take it"),
        (
            "@conformance(make(expected_failures={'dtype/boool': refused('x')}))\ndef test_mylib(check): check()",
            "*expected_failures: unknown check or family 'dtype/boool': did you mean 'dtype/bool'?",
        ),
        ("@conformance(make(), select='dtpye')\ndef test_mylib(check): check()", "*unknown check or family 'dtpye': did you mean 'dtype'?"),
        ("@conformance(make())\nclass TestIt: pass", "*conformance decorates a test function, not a class: TestIt"),
        ("@conformance(make())\n@conformance(make('b'))\ndef test_mylib(check): check()", "*already has @conformance; pass all*"),
        ("@conformance\ndef test_mylib(check): check()", "*@conformance needs arguments: @conformance(my_format)"),
        ("@conformance()\ndef test_mylib(check): check()", "*conformance needs at least one Format*"),
        ("@conformance(make(), make())\ndef test_mylib(check): check()", "*need different names*"),
        ("@conformance(make(), examples=-1)\ndef test_mylib(check): check()", "*examples must be an integer of at least 0, got -1"),
        ("@conformance(make(), seed='x')\ndef test_mylib(check): check()", "*seed must be an integer of at least 0, got 'x'"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_collection_errors(mylib: pytest.Pytester, body: str, message: str) -> None:
    _test(mylib, body)
    result = mylib.runpytest(*FAST)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])
    assert "/pytest_ckpt/plugin/" not in result.stdout.str(), "no traceback of the plugin"


def test_fails_if_test_never_calls_check(mylib: pytest.Pytester) -> None:
    _test(mylib, "@conformance(make(), select='shape/ones')\ndef test_mylib(check): check")
    result = mylib.runpytest(*FAST)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["the test never called check(), so no check ran: shape/ones"])


def test_conformance_works_with_methods_fixtures_parameters(mylib: pytest.Pytester) -> None:
    _test(
        mylib,
        """
class TestIt:
    @pytest.mark.parametrize("number", [1, 2])
    @conformance(make(), select="shape/ones")
    def test_mylib(self, check, number, tmp_path): assert check().passed and tmp_path.exists()

    @conformance(make(), select="shape/ones")
    @staticmethod
    def test_static(check): check()

@pytest.mark.xfail(reason="the format is under construction", strict=True)
@conformance(make(load=load_transposed), select="layout/fortran")
def test_marked(check): check()

@conformance(make(load=load_transposed), select="layout/fortran")
def test_raises(check):
    with pytest.raises(AssertionError, match="CHANGED"): check()
""",
    )
    mylib.runpytest(*FAST).assert_outcomes(passed=4, xfailed=1)


def test_ignores_user_parameter_named_check(mylib: pytest.Pytester) -> None:
    """An array, for example, has no truth value."""
    _test(mylib, "@pytest.mark.parametrize('check', [np.zeros(3), None, print])\ndef test_mine(check): pass")
    _test(mylib, "@conformance(make(), select='shape/ones')\ndef test_mylib(check): check()", "test_other")
    mylib.runpytest(*FAST).assert_outcomes(passed=4)


def test_option_backend_skips_formats_of_other_backends(mylib: pytest.Pytester) -> None:
    _test(mylib, "@conformance(make(backend='jax'))\ndef test_jax(check): check()\n@conformance(make())\ndef test_numpy(check): check()")
    result = mylib.runpytest("-rs", *FAST, "--ckpt-backend=numpy", "--ckpt-select=shape/ones")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED * the options of this run select no check for the backend jax"])


def test_ckpt_check_runs_checks_of_overridden_format(mylib: pytest.Pytester) -> None:
    mylib.makeconftest("import pytest, mylib\n@pytest.fixture\ndef ckpt_format(): return mylib.make()")
    _test(mylib, "def test_mine(ckpt_check, ckpt_format): assert ckpt_check().format == ckpt_format.name")
    for workers in ((), ("-n2",)):
        result = (mylib.runpytest_subprocess if workers else mylib.runpytest)("-v", *FAST, *workers, "--ckpt-select=shape")
        result.assert_outcomes(passed=7)
        assert "test_it.py::test_mine[shape/scalar]" in result.stdout.str()


@pytest.mark.parametrize(
    ("fixture", "message"),
    [
        ("", "*ckpt_check needs a fixture ckpt_format in your conftest.py*"),
        ("def ckpt_format(tmp_path): return mylib.make()", "*called during collection, so it cannot request tmp_path"),
        ("def ckpt_format(): yield mylib.make()", "*must return a pytest_ckpt.Format, not generator"),
    ],
)
def test_wrong_fixture_ckpt_format_is_collection_error(mylib: pytest.Pytester, fixture: str, message: str) -> None:
    mylib.makeconftest(f"import pytest, mylib\n{'@pytest.fixture' if fixture else ''}\n{fixture}")
    _test(mylib, "def test_mine(ckpt_check): ckpt_check()")
    result = mylib.runpytest(*FAST)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([message])


def test_help_lists_every_option_and_setting(pytester: pytest.Pytester) -> None:
    text = pytester.runpytest("--help").stdout.str()
    for name in ("backend", "select", "examples", "seed", "regressions", "update-regressions"):
        assert f"--ckpt-{name}" in text
    for name in ("ckpt_backends", "ckpt_select", "ckpt_examples", "ckpt_regressions"):
        assert f"{name} (" in text
    assert "--ckpt-format" not in text


def test_select_accepts_names_separated_by_commas(mylib: pytest.Pytester) -> None:
    _test(mylib, "@conformance(make())\ndef test_mylib(check): check()")
    plain, ones = (f"test_it.py::test_mylib[shape/{case}]" for case in ("plain", "ones"))
    assert _items(mylib.runpytest("-v", *FAST, "--ckpt-select", "shape/plain,shape/ones,-shape/p*")) == [ones]
    assert _items(mylib.runpytest("-v", *FAST, "--ckpt-select=shape,-shape/[!op]*", "--ckpt-select=-layout")) == [ones, plain]
    mylib.makeini("[pytest]\nckpt_select = shape/plain,shape/ones")
    assert _items(mylib.runpytest("-v", *FAST)) == [ones, plain]


@pytest.mark.parametrize("value", ["-x", "-keys", "-model/*", "-dtype/float8*,-shape", "-tensor", "--verbose"])
def test_select_with_space_and_exclusion_states_the_fix(mylib: pytest.Pytester, value: str) -> None:
    """Not for names that pytest itself rejects before it loads plugins, because they begin with its options -c, -l or -s."""
    result = mylib.runpytest_subprocess("--ckpt-select", value)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*argument --ckpt-select: expected a name; to exclude checks, write --ckpt-select=-NAME, with '='"])
