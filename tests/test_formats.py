"""The built-in formats: their declarations hold for the fixed examples, and the command line runs them.

The environments `record-NAME` of tox run every check with drawn examples, and then `tests/records.py`. Here each format runs the
fixed examples of all checks outside the families of scenarios, and a few checks of those.
"""

from __future__ import annotations

import dataclasses
import sys

import pytest

from pytest_ckpt import Format, refused
from pytest_ckpt.backends import is_installed
from pytest_ckpt.checks import CHECKS, SCENARIOS
from pytest_ckpt.expectations import is_pattern
from pytest_ckpt.formats import BUILTIN, get_format, known_formats, missing
from pytest_ckpt.runner import Runner, check_expectations
from pytest_ckpt.runner.survey import find_domain

from .conftest import BACKENDS
from .declarations import disagreements

COMMAND = (sys.executable, "-m", "pytest_ckpt")
FORMATS = [name for name, shipped in BUILTIN.items() if shipped.backend in BACKENDS and missing(name) is None]
#: The checks of the families of scenarios that run here.
SCENARIO_CHECKS = ("files/overwrite-smaller", "process/fresh-process", "corruption/truncate")
#: Formats that need 0.1 s or more for one save. Of these, the checks run that are expected to fail, and the first one of each family.
SLOW = ("flax.checkpoints", "orbax.standard", "orbax.pytree", "tensorflow.saved-model", "tensorflow.checkpoint")


def _selected(format: Format) -> list[str]:
    checks = [check for check in CHECKS.values() if check.family not in SCENARIOS]
    if format.name in SLOW:
        expectations = check_expectations(format)
        first = {check.family: check for check in reversed(checks)}.values()
        checks = [check for check in checks if check in first or expectations.for_check(check.name).expectation is not None]
    return [*(check.name for check in checks), *SCENARIO_CHECKS]


@pytest.mark.parametrize("name", FORMATS)
def test_fixed_examples_agree_with_declaration(name: str) -> None:
    format = get_format(name)
    with Runner(format, _selected(format), examples=0, shrink=False) as runner:
        results = [runner.run(check) for check in runner.checks]
    assert disagreements(results) == []
    assert {*SCENARIO_CHECKS} <= {result.check for result in results if result.verdict is not None}


@pytest.mark.parametrize("name", FORMATS)
def test_domain_is_the_declared_one(name: str) -> None:
    format = get_format(name)
    assert find_domain(format) == format.accepts


@pytest.mark.parametrize("backend", BACKENDS)
def test_missing_declaration_fails_the_run(backend: str, pytester: pytest.Pytester) -> None:
    name, key = next(
        (name, key)
        for name in FORMATS
        if BUILTIN[name].backend == backend
        for key in get_format(name).expected_failures
        if "/" in key and not is_pattern(key) and key.split("/")[0] not in SCENARIOS
    )
    pytester.makepyfile(
        changed=f"""
        import dataclasses
        from pytest_ckpt.formats import get_format
        declared = get_format({name!r})
        others = {{key: entry for key, entry in declared.expected_failures.items() if key != {key!r}}}
        undeclared = dataclasses.replace(declared, name="undeclared", expected_failures=others)
        """
    )
    for target, code in (("changed:declared", 0), ("changed:undeclared", 1)):
        assert pytester.run(*COMMAND, "run", target, "--select", key, "--examples", "0").ret == code


@pytest.mark.parametrize("name", FORMATS)
def test_expected_failures_give_a_reason(name: str) -> None:
    format = get_format(name)
    check_expectations(format)
    for entry in format.expected_failures.values():
        for expectation in entry if isinstance(entry, list | tuple) else [entry]:
            assert len(expectation.why.split()) > 4


def test_format_names_are_known_without_frameworks() -> None:
    assert set(known_formats()) >= set(BUILTIN)
    with pytest.raises(ValueError, match=r"did you mean 'torch\.save'"):
        get_format("torch.sav")


@pytest.mark.skipif("numpy" not in BACKENDS, reason="runs in numpy's environment")
def test_entry_point_adds_a_format(pytester: pytest.Pytester) -> None:
    """The distribution has the files that pip would install."""
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


def test_format_that_lacks_a_package_is_skipped(pytester: pytest.Pytester) -> None:
    absent = [name for name in BUILTIN if is_installed(BUILTIN[name].backend) and missing(name) is not None]
    if not absent:
        pytest.skip("every format of the installed backends has all of its packages here")
    name = absent[0]
    run = pytester.run(*COMMAND, "run", "--backend", BUILTIN[name].backend, "--select", "dtype/float32", "--select", "model/dense")
    assert run.ret == 0
    run.stdout.fnmatch_lines([f"{name} s *", f"not run: {name}: needs *: pip install 'pytest-ckpt[[]*]'", "*skipped*"])
    named = pytester.run(*COMMAND, "run", name)
    assert named.ret == 2
    named.stderr.fnmatch_lines([f"pytest-ckpt: the format '{name}' needs *: pip install 'pytest-ckpt[[]*]'"])


def test_built_in_formats_load_by_name() -> None:
    assert len(BUILTIN) >= 30
    for name in FORMATS:
        format = get_format(name)
        assert (format.name, format.backend) == (name, BUILTIN[name].backend)


@pytest.mark.skipif("numpy" not in BACKENDS, reason="runs in numpy's environment")
def test_declared_failure_that_is_kept_fails() -> None:
    format = get_format("numpy.save")
    wrong = dataclasses.replace(format, expected_failures={**format.expected_failures, "dtype/float32": refused("it is kept")})
    with Runner(wrong, ["dtype/float32"], examples=0) as runner:
        assert runner.run(runner.checks[0]).failed
