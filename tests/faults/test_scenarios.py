"""The families that run in workers: their checks fail for planted faults, and pass for a format that is safe.

All backends write files in the same way. So numpy's environment runs all faults, and the others run the first fault of each check,
which shows that the check runs for that backend.
"""

from __future__ import annotations

import pathlib

import pytest

from pytest_ckpt import check_format
from pytest_ckpt.checks import CHECKS, SCENARIOS, checks_for
from pytest_ckpt.execution.process_state import temporary_places
from pytest_ckpt.runner import check_run

from ..conftest import BACKENDS
from .by_check import faults_for
from .caught import assert_caught
from .checksummed import checksummed_format

#: The faults of a check that leave no file on disk, so that `--keep-files` has nothing to keep.
NO_FILES = {
    "files/missing-parent": ["ignores_file_not_found"],  # the folder never exists, so neither does a file
    "files/overwrite-other-kind": ["removes_folder_then_raises"],  # the folder with the old files is removed
}

FAULTS = [
    (backend, check.name, fault)
    for backend in BACKENDS
    for check in checks_for(backend)
    if check.family in SCENARIOS
    for fault in list(faults_for(check, backend))[: None if backend == "numpy" else 1]
]


@pytest.mark.parametrize("family", SCENARIOS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_checksummed_format_passes_every_scenario(backend: str, family: str) -> None:
    results = check_format(checksummed_format(backend), select=[family], examples=None if backend == "numpy" else 0)
    assert [str(result) for result in results if not result.passed] == []
    assert len(results) == len([check for check in checks_for(backend) if check.family == family])


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_scenario_has_a_planted_fault(backend: str) -> None:
    names = {check.name for check in checks_for(backend) if check.family in SCENARIOS}
    assert {name for own, name, _ in FAULTS if own == backend} == names


@pytest.mark.parametrize(("backend", "name", "fault"), FAULTS, ids=[f"{backend}-{name}-{fault}" for backend, name, fault in FAULTS])
def test_scenario_fails_for_its_planted_fault(
    backend: str, name: str, fault: str, tmp_path: pathlib.Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first fault of a check that leaves files also shows that `--keep-files` keeps them."""
    monkeypatch.setattr(check_run, "REPEATS", 0)
    formats = faults_for(CHECKS[name], backend)
    with_files = [each for each in formats if each not in NO_FILES.get(name, [])]
    keep_files = tmp_path_factory.mktemp("kept") if fault in with_files[:1] else None
    with temporary_places(tmp_path, tmp_path):  # some faults leave files in the temporary folder or change the process
        assert_caught(backend, name, fault, formats[fault], keep_files)
