"""Every check is killed by the fault that was planted for it, and passed by the format that keeps everything."""

from __future__ import annotations

import pytest

from pytest_ckpt import check_format
from pytest_ckpt.checks import CHECKS, checks_for
from pytest_ckpt.verdicts import Verdict

from ..conftest import BACKENDS
from .planted import fault_for, faulty_format
from .reference import reference_format

EVERY = [(backend, check.name) for backend in BACKENDS for check in checks_for(backend)]

#: Why a check cannot be asked in some environment: no fault can be planted then, and that it is skipped is what is tested.
CANNOT_BE_BUILT = ("sees no accelerator here", "here has no dtype", "cannot create arrays of dtype")


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_reference_format_passes_every_check(backend: str) -> None:
    results = check_format(reference_format(backend), select="all")
    assert [str(result) for result in results if result.failed] == []
    assert len(results) == len(checks_for(backend))


@pytest.mark.parametrize(("backend", "name"), EVERY, ids=[f"{backend}-{name}" for backend, name in EVERY])
def test_a_planted_fault_is_caught_by_the_check_that_it_belongs_to(backend: str, name: str) -> None:
    check = CHECKS[name]
    result = check_format(faulty_format(backend, fault_for(check, backend)), select=[name], examples=3)[0]
    if result.skipped is not None:
        assert any(reason in result.skipped for reason in CANNOT_BE_BUILT), result.skipped
        assert not result.passed
        assert check_format(reference_format(backend), select=[name], examples=0)[0].skipped == result.skipped
        return
    assert result.failed, f"{name} did not notice its fault: {result}"
    assert result.verdict is not None
    assert result.verdict >= Verdict.COSTLY
    assert result.counterexample is not None
    assert result.detail
