"""The option ``--ckpt-keep-files`` keeps the files of a counterexample, in each placement.

`faults/test_scenarios.py` tests that the files of every scenario are kept.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Iterator

import pytest

from pytest_ckpt import check_format
from pytest_ckpt.checks import CHECKS
from pytest_ckpt.execution.process_state import temporary_places

from .faults.by_check import faults_for


@pytest.fixture(autouse=True)
def _private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide from other tests the files and the process state that the faults change."""
    folder = tmp_path_factory.mktemp("private")
    with temporary_places(folder, folder):
        yield


@pytest.mark.parametrize("name", ["files/overwrite-smaller", "process/load-twice", "process/moved"])
def test_files_are_kept_when_format_is_isolated(name: str, tmp_path: pathlib.Path) -> None:
    format = dataclasses.replace(next(iter(faults_for(CHECKS[name], "numpy").values())), isolate=True)
    (result,) = check_format(format, select=[name], examples=0, keep_files=tmp_path)
    assert result.failed, str(result)
    assert list((tmp_path / format.name / name).iterdir()) != []


def test_kept_files_are_never_overwritten(tmp_path: pathlib.Path) -> None:
    format = next(iter(faults_for(CHECKS["files/overwrite-smaller"], "numpy").values()))
    for _ in range(2):
        check_format(format, select=["files/overwrite-smaller"], examples=0, keep_files=tmp_path)
    first, second = sorted((tmp_path / format.name / "files").iterdir())
    assert (first.name, second.name) == ("overwrite-smaller", "overwrite-smaller-1")
    assert [entry.name for entry in first.iterdir()] != []


def test_nothing_is_kept_when_check_passes(tmp_path: pathlib.Path) -> None:
    format = next(iter(faults_for(CHECKS["files/overwrite-smaller"], "numpy").values()))
    (result,) = check_format(format, select=["process/moved"], examples=0, keep_files=tmp_path)
    assert result.passed, str(result)
    assert list(tmp_path.iterdir()) == []


def test_option_keeps_files_for_each_placement(pytester: pytest.Pytester) -> None:
    """The checks run in this process, in a worker and across workers, in this order."""
    pytester.makepyfile(
        """
        import pathlib, pickle
        from pytest_ckpt import conformance

        def save(tree, path):
            data = path.with_name(path.name + ".data")
            data.write_bytes(pickle.dumps(tree))
            path.write_text(str(data.absolute()))

        CACHE = {}
        def load(path):
            name = path.read_text()
            return CACHE.setdefault(name, pickle.loads(pathlib.Path(name).read_bytes()))

        @conformance(name="mylib", backend="numpy", save=save, load=load,
                     select=["files/overwrite-smaller", "process/load-twice", "process/moved"])
        def test_mylib(check): check()
        """
    )
    result = pytester.runpytest("-p", "no:cacheprovider", "--ckpt-examples=0", "--ckpt-keep-files=kept")
    result.assert_outcomes(failed=3)
    for name in ("files/overwrite-smaller", "process/load-twice", "process/moved"):
        folder = pytester.path / "kept" / "mylib" / name
        assert list(folder.iterdir()) != []
        result.stdout.fnmatch_lines([f"*{folder}*"])
