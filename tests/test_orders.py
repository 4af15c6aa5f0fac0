"""What the built-in formats leave behind, threads, files or global state, does not disturb the next one."""

from __future__ import annotations

import pathlib

import pytest

from pytest_ckpt.formats import BUILTIN, missing

from .conftest import APART
from .recorded import run_recorded, table_of


@pytest.mark.parametrize("backend", APART)
def test_the_built_in_formats_give_the_same_table_in_any_order(tmp_path: pathlib.Path, backend: str) -> None:
    """What leaves most behind is asked: all that is saved in the process, whole models among it, and the scenes that are quick."""
    for name in ("project", "temporary"):
        (tmp_path / name).mkdir()
    names = [name for name, shipped in BUILTIN.items() if shipped.backend == backend and missing(name) is None]
    select = [f"--select={name}" for name in ("shape", "container", "keys", "tensor", "model/dense", "model/mode", "files/path-*")]
    tables = []
    for order in (names, names[::-1]):
        run, record = run_recorded(tmp_path / "project", *order, *select, "--examples=0")
        assert run.returncode == 0, run.stdout
        tables.append(table_of(record))
    assert tables[0] == tables[1]
    assert set(tables[0]) == set(names)
