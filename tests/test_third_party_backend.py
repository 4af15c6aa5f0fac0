"""A backend from an entry point is checked for everything that it can build, exactly as a built-in one."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from pytest_ckpt.specs import Capabilities, capabilities_of

from .conftest import BACKENDS
from .test_entry_points import install

#: PyTorch's modules under another name. One of the two backends declares its capabilities.
_MODULE = """
from pytest_ckpt.backends.torch import models, training
from pytest_ckpt.backends.torch.tensors import *

name = {name!r}
"""
_ENTRY_POINTS = """
[pytest_ckpt.backends]
torch-again = torch_again
torch-undeclared = torch_undeclared

[pytest_ckpt.formats]
again.save = again_formats:DECLARED
undeclared.save = again_formats:UNDECLARED
"""
_FORMATS = """
import dataclasses

from pytest_ckpt.formats import get_format

SAVE = get_format("torch.save")
DECLARED = dataclasses.replace(SAVE, name="again.save", backend="torch-again")
UNDECLARED = dataclasses.replace(SAVE, name="undeclared.save", backend="torch-undeclared")
"""
#: Checks of every family, among them all that distinguish between backends.
SELECT = [
    "dtype/complex*", "dtype/float8_e5m2", "dtype/int64", "bits/bfloat16", "nan-payload/float16", "shape", "layout",
    "container/n*", "keys/[ds]*", "tensor", "alias", "model/[dfmlb]*", "model/architecture", "mismatch",
    "training/adam", "training/adam-fused", "training/schedule", "training/dropout", "training/groups", "training/averaged",
    "training/mixed-precision", "training/drawn", "files/path-dots", "files/size", "process/fresh-process", "crash/kill",
    "corruption/truncate", "security/overlap",
]  # fmt: skip
_RUN = """
import json, sys
from pytest_ckpt import check_format, list_checks
from pytest_ckpt.formats import get_format
from pytest_ckpt.specs import to_json

def table(name, select):
    rows = {}
    for result in check_format(get_format(name), select=select, examples=5):
        example = None if result.counterexample is None else to_json(result.counterexample)
        rows[result.check] = [str(result.verdict), result.passed, example, result.skipped]
    return rows

select, in_process = json.loads(sys.argv[1]), json.loads(sys.argv[2])
lists = {name: list_checks(name) for name in ("torch", "torch-again", "torch-undeclared")}
tables = [table("torch.save", select), table("again.save", select), table("undeclared.save", in_process)]
print(json.dumps({"tables": tables, "lists": lists}))
"""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run torch.save with all three backends in one process, and return the tables and the lists of checks."""
    if "torch" not in BACKENDS:
        pytest.skip("needs PyTorch")
    folder = tmp_path_factory.mktemp("again")
    install(
        folder, "torch-again", _ENTRY_POINTS, again_formats=_FORMATS,
        torch_again=_MODULE.format(name="torch-again"), torch_undeclared=_MODULE.format(name="torch-undeclared") + "\ndel capabilities\n",
    )  # fmt: skip
    return _measure(folder, SELECT)


def _measure(folder: pathlib.Path, select: list[str]) -> dict[str, Any]:
    path = os.pathsep.join([str(folder), *sys.path])
    in_process = [*select, "-process", "-crash", "-corruption", "-security"]
    command = [sys.executable, "-c", _RUN, json.dumps(select), json.dumps(in_process)]
    run = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": path}, check=False)
    assert run.returncode == 0, run.stderr
    found: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return found


def test_torch_under_another_name_gets_the_same_table(measured: dict[str, Any]) -> None:
    torch, again, _ = measured["tables"]
    assert {name.split("/")[0] for name in torch} >= {"alias", "layout", "mismatch", "model", "training", "crash", "security"}
    assert sum(row[3] is None for row in torch.values()) > 60
    assert again == torch


def test_torch_under_another_name_has_the_same_checks(measured: dict[str, Any]) -> None:
    assert measured["lists"]["torch-again"] == measured["lists"]["torch"]


def test_undeclared_backend_gets_all_checks_and_true_skips(measured: dict[str, Any]) -> None:
    """What torch can build gets the same verdict; everything else is skipped because torch cannot build it."""
    torch, _, undeclared = measured["tables"]
    assert set(measured["lists"]["torch-undeclared"]) > set(measured["lists"]["torch"])
    for name, row in undeclared.items():
        if name in torch:
            assert row[0] == torch[name][0], name
        else:
            assert row[0] == "None", name
            assert row[3].startswith(("torch", "tensors")), row[3]


def test_capabilities_reject_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"unknown name 'float33' in dtypes: did you mean 'float32'\?"):
        Capabilities(dtypes=frozenset({"float33"}))
    with pytest.raises(ValueError, match="the tables have no backend 'troch': did you mean 'torch'"):
        capabilities_of("troch")
