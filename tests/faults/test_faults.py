"""Every check is killed by the fault that was planted for it, and passed by the format that keeps everything."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, check_format
from pytest_ckpt.backends import get_models
from pytest_ckpt.checks import CHECKS, SCENARIOS, checks_for
from pytest_ckpt.execution.process_state import temporary_places
from pytest_ckpt.specs import tensor_specs_in
from pytest_ckpt.verdicts import Verdict

from ..conftest import APART, BACKENDS
from .by_check import faults_for
from .checksummed import checksummed_format
from .models import whole_format
from .reference import Reference, reference_format, reference_with_template

EVERY = [
    (backend, check.name) for backend in BACKENDS for check in checks_for(backend) if check.family not in SCENARIOS or backend in APART
]

#: Why a check cannot be asked in some environment: no fault can be planted then, and that it is skipped is what is tested.
CANNOT_BE_BUILT = ("no accelerator on this machine", "has no dtype", "cannot create arrays of dtype")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_reference_format_passes_every_check(backend: str) -> None:
    others = [f"-{family}" for family in SCENARIOS]
    results = check_format(reference_format(backend), select=["all", *others])
    assert [str(result) for result in results if result.failed] == []
    assert len(results) == len([check for check in checks_for(backend) if check.family not in SCENARIOS])
    vacuous = [str(result) for result in results if "would be shown" in f"{result.detail}{result.skipped}"]
    assert vacuous == [], "an example whose clone is equal to the original shows nothing, and is no example"


@pytest.mark.parametrize("family", SCENARIOS)
@pytest.mark.parametrize("backend", APART)
def test_the_format_that_keeps_its_promises_when_things_go_wrong_passes(backend: str, family: str) -> None:
    results = check_format(checksummed_format(backend), select=[family])
    assert [str(result) for result in results if not result.passed] == []
    assert len(results) == len([check for check in checks_for(backend) if check.family == family])


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_reference_format_with_a_template_passes(backend: str) -> None:
    results = check_format(reference_with_template(backend), select=["dtype/float32", "shape", "mismatch", "-mismatch/partial"])
    assert [str(result) for result in results if result.failed] == []
    assert {"mismatch/missing", "mismatch/extra", "mismatch/wrong-shape"} <= {each.check for each in results if each.passed}


@pytest.mark.parametrize("backend", [name for name in BACKENDS if get_models(name) is not None])
def test_the_reference_format_of_whole_models_keeps_what_layers_were_configured_with(backend: str) -> None:
    (result,) = check_format(whole_format(backend), select=["model/architecture"])
    assert result.passed, str(result)


@pytest.mark.parametrize(("backend", "name"), EVERY, ids=[f"{backend}-{name}" for backend, name in EVERY])
def test_a_planted_fault_is_caught_by_the_check_that_it_belongs_to(backend: str, name: str, tmp_path: pathlib.Path) -> None:
    formats = faults_for(CHECKS[name], backend)
    if not formats:
        assert get_models(backend) is None
        return
    if CHECKS[name].family in SCENARIOS and backend != "numpy":
        # How files are written is the same in every framework: the first fault shows that the question is asked there.
        formats = dict(list(formats.items())[:1])
    for hidden, format in formats.items():
        with temporary_places(tmp_path, tmp_path):  # some faults are about what they leave there, and of the process
            _caught(backend, name, hidden, format)


def _caught(backend: str, name: str, hidden: str, format: Format) -> None:
    result = check_format(format, select=[name], examples=3)[0]
    if result.skipped is not None:
        assert any(reason in result.skipped for reason in CANNOT_BE_BUILT), result.skipped
        assert not result.passed
        assert check_format(reference_format(backend), select=[name], examples=0)[0].skipped == result.skipped
        return
    assert result.failed, f"{name} did not notice its fault ({hidden}): {result}"
    assert result.verdict is not None
    assert result.verdict >= Verdict.COSTLY
    assert result.counterexample is not None
    assert result.detail


@pytest.mark.parametrize("backend", [name for name in BACKENDS if name in ("numpy", "torch")])
def test_a_loader_that_fills_its_template_in_place_passes_whatever_the_layout(backend: str) -> None:
    reference = Reference(backend)

    def load(path: pathlib.Path, template: Any) -> Any:
        for key, value in reference.load(path).items():
            np.copyto(template[key], value) if backend == "numpy" else template[key].copy_(value)
        return template

    in_place = Format(name="in-place", backend=backend, save=reference.save, load=load, accepts="dict", template=True)
    results = check_format(in_place, select=["dtype", "shape", "layout"], examples=10)
    assert [str(result) for result in results if result.failed] == []


def test_a_fault_in_the_second_leaf_is_shown_with_two_elements() -> None:
    fault = faults_for(CHECKS["dtype/float32"], "numpy")["casts_second_leaf"]
    (result,) = check_format(fault, select=["dtype/float32"])
    assert result.counterexample is not None
    assert sum(tensor.size for tensor in tensor_specs_in(result.counterexample)) == 2
