"""Running all built-in formats of a backend: the summary, and that no format influences the next one."""

from __future__ import annotations

import pathlib

import pytest

from pytest_ckpt.formats import BUILTIN, missing

from .command_line import results_table, run_and_read
from .conftest import BACKENDS

#: The checks of formats that leave the most behind (threads, files, global state), and the quick ones that run in a worker.
SELECT = ("shape", "container", "keys", "tensor", "model/dense", "model/mode", "files/path-*")


@pytest.mark.parametrize("backend", BACKENDS)
def test_order_of_formats_does_not_change_results(tmp_path: pathlib.Path, backend: str) -> None:
    for name in ("project", "temporary"):
        (tmp_path / name).mkdir()
    names = [name for name, shipped in BUILTIN.items() if shipped.backend == backend and missing(name) is None]
    select = [f"--select={name}" for name in SELECT]
    first, record = run_and_read(tmp_path / "project", "--backend", backend, *select, "--examples=0")
    assert first.returncode == 0, first.stdout
    _assert_summary(first.stdout, names)
    second, reversed_record = run_and_read(tmp_path / "project", *names[::-1], *select, "--examples=0")
    assert second.returncode == 0, second.stdout
    assert results_table(record) == results_table(reversed_record)
    assert set(results_table(record)) == set(names)
    assert {entry.name for entry in (tmp_path / "project").iterdir()} == {"record.json"}


def _assert_summary(output: str, names: list[str]) -> None:
    lines = output.splitlines()
    assert any(f"checks of {len(names)} format(s): " in line for line in lines), output
    for name in names:
        assert any(line.startswith(f"{name} ") for line in lines), output
