"""Each check fails for the fault that was planted for it, and passes for a format that preserves everything.

The planted faults run the fixed examples only: they are the same in every run, and each fault has to fail one of them. The
formats without a fault run drawn examples too, because a false alarm may need any example.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, Result, check_format
from pytest_ckpt.backends import get_models
from pytest_ckpt.checks import CHECKS, SCENARIOS, checks_for
from pytest_ckpt.execution.process_state import temporary_places
from pytest_ckpt.runner import Runner, check_run
from pytest_ckpt.specs import tensor_specs_in
from pytest_ckpt.verdicts import Verdict

from ..conftest import BACKENDS
from .by_check import faults_for
from .checksummed import checksummed_format
from .models import whole_format
from .reference import Reference, reference_format, reference_with_template

ALL_CHECKS = [(backend, check.name) for backend in BACKENDS for check in checks_for(backend)]
#: The families that run in this process, for each backend.
IN_PROCESS = [
    (backend, family)
    for backend in BACKENDS
    for family in dict.fromkeys(check.family for check in checks_for(backend))
    if family not in SCENARIOS
]

#: The faults of a check that leave no file on disk, so that `--keep-files` has nothing to keep.
NO_FILES = {
    "files/missing-parent": ["ignores_file_not_found"],  # the folder never exists, so neither does a file
    "files/overwrite-other-kind": ["removes_folder_then_raises"],  # the folder with the old files is removed
}

#: Reasons why a check is skipped here. No fault can be planted then, so the test compares the skip instead.
CANNOT_BUILD = ("no accelerator on this machine", "has no dtype", "cannot create arrays of dtype")


@pytest.mark.parametrize(("backend", "family"), IN_PROCESS)
def test_reference_format_passes_every_check(backend: str, family: str) -> None:
    results = check_format(reference_format(backend), select=[family])
    assert [str(result) for result in results if result.failed] == []
    assert len(results) == len([check for check in checks_for(backend) if check.family == family])
    without_difference = [str(result) for result in results if "would be shown" in f"{result.detail}{result.skipped}"]
    assert without_difference == [], "the template of an example must differ from the saved object"


@pytest.mark.parametrize("family", SCENARIOS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_checksummed_format_passes_every_scenario(backend: str, family: str) -> None:
    results = check_format(checksummed_format(backend), select=[family], examples=None if backend == "numpy" else 0)
    assert [str(result) for result in results if not result.passed] == []
    assert len(results) == len([check for check in checks_for(backend) if check.family == family])


@pytest.mark.parametrize("backend", BACKENDS)
def test_reference_format_with_template_passes(backend: str) -> None:
    results = check_format(reference_with_template(backend), select=["dtype/float32", "shape", "mismatch", "-mismatch/partial"])
    assert [str(result) for result in results if result.failed] == []
    assert {"mismatch/missing", "mismatch/extra", "mismatch/wrong-shape"} <= {each.check for each in results if each.passed}


@pytest.mark.parametrize("backend", [name for name in BACKENDS if get_models(name) is not None])
def test_whole_model_format_keeps_layer_configuration(backend: str) -> None:
    (result,) = check_format(whole_format(backend), select=["model/architecture"])
    assert result.passed, str(result)


@pytest.mark.parametrize(("backend", "name"), ALL_CHECKS, ids=[f"{backend}-{name}" for backend, name in ALL_CHECKS])
def test_check_fails_for_its_planted_faults(
    backend: str, name: str, tmp_path: pathlib.Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first fault with files also shows that `--keep-files` keeps them."""
    monkeypatch.setattr(check_run, "REPEATS", 0)
    formats = faults_for(CHECKS[name], backend)
    if not formats:
        assert get_models(backend) is None
        return
    if CHECKS[name].family in SCENARIOS and backend != "numpy":
        # All backends write files in the same way: the first fault shows that the check runs for this backend.
        formats = dict(list(formats.items())[:1])
    with_files = [fault for fault in formats if CHECKS[name].family in SCENARIOS and fault not in NO_FILES.get(name, [])]
    for fault, format in formats.items():
        keep_files = tmp_path_factory.mktemp("kept") if fault in with_files[:1] else None
        with temporary_places(tmp_path, tmp_path):  # some faults leave files in the temporary folder or change the process
            _assert_caught(backend, name, fault, format, keep_files)


def _assert_caught(backend: str, name: str, fault: str, format: Format, keep_files: pathlib.Path | None) -> None:
    result = _run_fixed_examples(format, name, keep_files)
    if result.skipped is not None:
        assert any(reason in result.skipped for reason in CANNOT_BUILD), result.skipped
        assert not result.passed
        assert _run_fixed_examples(reference_format(backend), name).skipped == result.skipped
        return
    assert result.failed, f"{name} passes in spite of the planted fault {fault!r}: {result}"
    assert result.verdict is not None
    assert result.verdict >= Verdict.COSTLY
    assert result.counterexample is not None
    assert result.detail
    if keep_files is not None:
        folder = keep_files / format.name / name
        assert list(folder.iterdir()) != []
        assert str(folder) in result.detail


def _run_fixed_examples(format: Format, name: str, keep_files: pathlib.Path | None = None) -> Result:
    with Runner(format, [name], examples=0, shrink=False, keep_files=keep_files) as runner:
        return runner.run(runner.checks[0])


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name in ("numpy", "torch")])
def test_loader_that_fills_its_template_passes_for_every_layout(backend: str) -> None:
    reference = Reference(backend)

    def load(path: pathlib.Path, template: Any) -> Any:
        for key, value in reference.load(path).items():
            np.copyto(template[key], value) if backend == "numpy" else template[key].copy_(value)
        return template

    in_place = Format(name="in-place", backend=backend, save=reference.save, load=load, accepts="dict", template=True)
    results = check_format(in_place, select=["dtype", "shape", "layout"], examples=10)
    assert [str(result) for result in results if result.failed] == []


@pytest.mark.skipif("numpy" not in BACKENDS, reason="runs in numpy's environment")
def test_fault_in_second_leaf_has_two_element_counterexample() -> None:
    fault = faults_for(CHECKS["dtype/float32"], "numpy")["casts_second_leaf"]
    (result,) = check_format(fault, select=["dtype/float32"])
    assert result.counterexample is not None
    assert sum(tensor.size for tensor in tensor_specs_in(result.counterexample)) == 2
