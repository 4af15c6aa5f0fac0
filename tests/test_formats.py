"""The formats that ship with the plugin: what they declare is what is seen, no more and no less."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from pytest_ckpt import Format, Verdict, refused
from pytest_ckpt.backends import is_installed
from pytest_ckpt.checks import SCENARIOS
from pytest_ckpt.expectations import expectation_for, is_pattern
from pytest_ckpt.formats import BUILTIN, get_format, known_formats, missing
from pytest_ckpt.results import Result
from pytest_ckpt.runner import Runner, check_expectations
from pytest_ckpt.runner.survey import survey

from .conftest import APART, BACKENDS

COMMAND = (sys.executable, "-m", "pytest_ckpt")
HERE = [name for name, shipped in BUILTIN.items() if shipped.backend in BACKENDS and missing(name) is None]


def _agrees(format: Format, result: Result) -> bool:
    """Whether a verdict that was seen without any declaration is the declared one."""
    declared, _ = expectation_for(format.expected_failures, result.check)
    if declared is not None:
        return result.verdict is not None and declared.allows(result.verdict)
    return result.verdict is Verdict.KEPT or (result.outside and result.verdict is Verdict.REFUSED)


@pytest.mark.parametrize("name", [name for name in HERE if BUILTIN[name].backend in APART])
def test_the_survey_of_a_format_agrees_with_its_declaration(name: str) -> None:
    format = get_format(name)
    accepts, results = survey(format.isolated(), examples=3)
    assert accepts == (format.accepts if format.save is not None else None)
    assert [str(result) for result in results if result.verdict is not None and not _agrees(format, result)] == []
    asked = {result.check for result in results if result.verdict is not None}
    for key in format.expected_failures:
        spoken_for = {check for check in asked if expectation_for(format.expected_failures, check)[1] == key}
        unasked = {result.check for result in results if result.verdict is None}
        assert spoken_for or unasked, f"{key} speaks for no check that could be asked"
    struck = [result for result in results if (found := expectation_for(format.expected_failures, result.check)[0]) and not found.flaky]
    assert [result.check for result in struck if result.verdict is not None and not result.failed] == [], (
        "kept without the declaration, too"
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_limit_that_is_struck_from_a_declaration_makes_the_run_exit_with_one(backend: str, pytester: pytest.Pytester) -> None:
    """One of each backend; of all others the survey above tells as much, without running pytest."""
    named = [
        (name, key)
        for name in HERE
        if BUILTIN[name].backend == backend
        for key in get_format(name).expected_failures
        if "/" in key and not is_pattern(key) and key.split("/")[0] not in SCENARIOS
    ]
    name, key = named[0]
    pytester.makepyfile(
        struck=f"""
        import dataclasses
        from pytest_ckpt.formats import get_format
        whole = get_format({name!r})
        rest = {{key: why for key, why in whole.expected_failures.items() if key != {key!r}}}
        struck = dataclasses.replace(whole, name="struck", expected_failures=rest)
        """
    )
    for target, code in (("struck:whole", 0), ("struck:struck", 1)):
        assert pytester.run(*COMMAND, "run", target, "--select", key, "--examples", "0").ret == code


@pytest.mark.parametrize("name", HERE)
def test_every_limit_has_a_sentence_of_why(name: str) -> None:
    format = get_format(name)
    check_expectations(format)
    for entry in format.expected_failures.values():
        for expectation in entry if isinstance(entry, list | tuple) else [entry]:
            assert len(expectation.why.split()) > 4


def test_names_of_formats_are_known_without_their_frameworks() -> None:
    assert set(known_formats()) >= set(BUILTIN)
    with pytest.raises(ValueError, match=r"did you mean 'torch\.save'"):
        get_format("torch.sav")


def test_a_format_of_a_third_party_is_found_by_its_entry_point(pytester: pytest.Pytester) -> None:
    """A distribution with an entry point, laid out as pip would lay it."""
    pytester.makepyfile(
        theirs="""
        import pickle
        from pytest_ckpt import Format

        def save(tree, path):
            path.write_bytes(pickle.dumps(tree))

        def load(path):
            return pickle.loads(path.read_bytes())

        FORMAT = Format(name="theirs.pickle", backend="numpy", save=save, load=load)
        """
    )
    folder = pytester.mkdir("theirs-1.0.dist-info")
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[pytest_ckpt.formats]\ntheirs.pickle = theirs:FORMAT\n")
    listed = pytester.run(*COMMAND, "list", "formats")
    listed.stdout.fnmatch_lines(["theirs.pickle *numpy"])
    ran = pytester.run(*COMMAND, "run", "theirs.pickle", "--select", "shape", "--examples", "0")
    assert ran.ret == 0
    ran.stdout.fnmatch_lines(["theirs.pickle  ok"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_run_of_all_formats_of_a_backend_prints_the_matrix_and_exits_with_zero(backend: str, pytester: pytest.Pytester) -> None:
    """Some checks of each kind; all of them are asked by the surveys above, and were by the runs that the pages of docs are made of."""
    select = [f"--select={name}" for name in ("shape", "container", "tensor", "mismatch", "files/path-*", "corruption/truncate")]
    result = pytester.run(*COMMAND, "run", "--backend", backend, *select, "--examples", "0")
    assert result.ret == 0
    own = [name for name in HERE if BUILTIN[name].backend == backend]
    result.stdout.fnmatch_lines([f"*checks of {len(own)} format(s): * kept*"])
    for name in own:
        result.stdout.fnmatch_lines([f"{name} *"])
    assert {entry.name for entry in pytester.path.iterdir()} <= {"stdout", "stderr", ".keras"}, "pytester's and Keras' own files"


def test_what_a_format_needs_and_is_missing_is_a_skip_with_its_reason(pytester: pytest.Pytester) -> None:
    absent = [name for name in BUILTIN if is_installed(BUILTIN[name].backend) and missing(name) is not None]
    if not absent:
        pytest.skip("here is all that any format of the installed backends needs")
    name = absent[0]
    run = pytester.run(*COMMAND, "run", "--backend", BUILTIN[name].backend, "--select", "dtype/float32", "--select", "model/dense")
    assert run.ret == 0
    run.stdout.fnmatch_lines([f"{name} s *", f"not run: {name}: needs *: pip install 'pytest-ckpt[[]*]'", "*skipped*"])
    named = pytester.run(*COMMAND, "run", name)
    assert named.ret == 2
    named.stderr.fnmatch_lines([f"pytest-ckpt: the format '{name}' needs *: pip install 'pytest-ckpt[[]*]'"])


def test_there_are_thirty_formats_and_each_has_a_home() -> None:
    """Of those whose framework is here; the other environments load the others."""
    assert len(BUILTIN) >= 30
    for name in HERE:
        format = get_format(name)
        assert (format.name, format.backend) == (name, BUILTIN[name].backend)


def test_a_declaration_that_does_not_hold_any_more_fails() -> None:
    format = get_format("numpy.save")
    wrong = dataclasses.replace(format, expected_failures={**format.expected_failures, "dtype/float32": refused("it is kept")})
    with Runner(wrong, ["dtype/float32"], examples=0) as runner:
        assert runner.run(runner.checks[0]).failed
