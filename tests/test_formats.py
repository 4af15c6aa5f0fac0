"""The formats that ship with the plugin: what they declare is what is seen, no more and no less."""

from __future__ import annotations

import dataclasses
import sys

import pytest

from pytest_ckpt import Format, Verdict, refused
from pytest_ckpt.checks import SCENARIOS
from pytest_ckpt.expectations import expectation_for
from pytest_ckpt.formats import BUILTIN, get_format, known_formats, missing
from pytest_ckpt.runner import Result, Runner, check_expectations
from pytest_ckpt.survey import survey

from .conftest import APART, BACKENDS, UNDER_TEST

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
    accepts, results = survey(format, examples=3)
    assert accepts == (format.accepts if format.save is not None else None)
    assert [str(result) for result in results if result.verdict is not None and not _agrees(format, result)] == []
    asked = {result.check for result in results if result.verdict is not None}
    for key in format.expected_failures:
        spoken_for = {check for check in asked if expectation_for(format.expected_failures, check)[1] == key}
        unasked = {result.check for result in results if result.verdict is None}
        assert spoken_for or unasked, f"{key} speaks for no check that could be asked"


@pytest.mark.parametrize("name", HERE)
def test_a_limit_that_is_struck_from_a_declaration_fails(name: str) -> None:
    """Of the families whose checks take longest, the survey above tells as much."""
    format = get_format(name)
    names = [key for key in format.expected_failures if "/" in key and not set(key) & set("*?[") and key.split("/")[0] not in SCENARIOS]
    if not names:
        assert all("/" in key and key.split("/")[0] in SCENARIOS for key in format.expected_failures)
        return
    bare = dataclasses.replace(format, expected_failures={})
    with Runner(bare, names, examples=0, shrink=False) as runner:
        results = [runner.run(check) for check in runner.checks]
    assert [result.check for result in results if not result.failed and result.skipped is None] == []


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
def test_a_run_of_every_check_prints_the_matrix_and_exits_with_zero(backend: str, pytester: pytest.Pytester) -> None:
    # What takes longest is asked of one backend; of the others it is in the survey above.
    less = [] if backend == UNDER_TEST == "numpy" else [f"--select=-{family}" for family in SCENARIOS]
    result = pytester.run(*COMMAND, "run", "--backend", backend, "--select", "all", *less, "--examples", "0")
    assert result.ret == 0
    own = [name for name in HERE if BUILTIN[name].backend == backend]
    result.stdout.fnmatch_lines([f"*checks of {len(own)} format(s): * kept*"])
    for name in own:
        result.stdout.fnmatch_lines([f"{name} *"])
    assert {entry.name for entry in pytester.path.iterdir()} <= {"stdout", "stderr", ".keras"}, "pytester's and Keras' own files"


def test_a_declaration_that_does_not_hold_any_more_fails() -> None:
    format = get_format("numpy.save")
    wrong = dataclasses.replace(format, expected_failures={**format.expected_failures, "dtype/float32": refused("it is kept")})
    with Runner(wrong, ["dtype/float32"], examples=0) as runner:
        assert runner.run(runner.checks[0]).failed
