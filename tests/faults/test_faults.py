"""Each check fails for the fault that was planted for it, and passes for a format that preserves everything.

The planted faults run the fixed examples only: they are the same in every run, and each fault has to fail one of them. The
formats without a fault run drawn examples too, because a false alarm may need any example.
"""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, check_format
from pytest_ckpt.backends import get_models
from pytest_ckpt.checks import CHECKS, SCENARIOS, checks_for
from pytest_ckpt.execution.process_state import temporary_places
from pytest_ckpt.execution.user_code import PROVES_NOTHING
from pytest_ckpt.runner import check_run
from pytest_ckpt.specs import tensor_specs_in

from ..conftest import BACKENDS
from .by_check import faults_for
from .caught import assert_caught
from .models import whole_format
from .reference import Reference, reference_format, reference_with_template

CHECKED = [(backend, check.name) for backend in BACKENDS for check in checks_for(backend) if check.family not in SCENARIOS]
#: The families that run in this process, for each backend. Those that run in workers are in `test_scenarios.py`.
IN_PROCESS = [
    (backend, family)
    for backend in BACKENDS
    for family in dict.fromkeys(check.family for check in checks_for(backend))
    if family not in SCENARIOS
]


@pytest.mark.parametrize(("backend", "family"), IN_PROCESS)
def test_reference_format_passes_every_check(backend: str, family: str) -> None:
    results = check_format(reference_format(backend), select=[family])
    assert [str(result) for result in results if result.failed] == []
    assert len(results) == len([check for check in checks_for(backend) if check.family == family])
    without_difference = [str(result) for result in results if PROVES_NOTHING in f"{result.detail}{result.skipped}"]
    assert without_difference == [], "the template of an example must differ from the saved object"


@pytest.mark.parametrize("backend", BACKENDS)
def test_reference_format_with_template_passes(backend: str) -> None:
    results = check_format(reference_with_template(backend), select=["dtype/float32", "shape", "mismatch", "-mismatch/partial"])
    assert [str(result) for result in results if result.failed] == []
    assert {"mismatch/missing", "mismatch/extra", "mismatch/wrong-shape"} <= {each.check for each in results if each.passed}


@pytest.mark.parametrize("backend", [name for name in BACKENDS if get_models(name) is not None])
def test_whole_model_format_keeps_layer_configuration(backend: str) -> None:
    (result,) = check_format(whole_format(backend), select=["model/architecture"])
    assert result.passed, str(result)


@pytest.mark.parametrize(("backend", "name"), CHECKED, ids=[f"{backend}-{name}" for backend, name in CHECKED])
def test_check_fails_for_its_planted_faults(backend: str, name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_run, "REPEATS", 0)
    formats = faults_for(CHECKS[name], backend)
    assert formats
    for fault, format in formats.items():
        with temporary_places(tmp_path, tmp_path):  # some faults leave files in the temporary folder or change the process
            assert_caught(backend, name, fault, format)


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
