"""Checks: how they are selected, and that each difference belongs to one check."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Verdict, check_format, list_checks
from pytest_ckpt.checks import CHECKS, checks_for, owning_check, parse_selection, select_checks
from pytest_ckpt.verdicts import ASPECTS, Difference

from .conftest import BACKENDS
from .pickle_format import load_pickle, pickle_format, run_check, save_pickle


def test_select_takes_families_names_globs_and_exclusions() -> None:
    def names(*select: str) -> list[str]:
        return [check.name for check in select_checks("numpy", list(select) or None)]

    assert {CHECKS[name].level for name in names()} == {"core"}
    assert names("layout/fortran") == ["layout/fortran"]
    assert names("layout", "-layout/*e*") == ["layout/fortran", "layout/broadcast"]
    assert set(names("all")) == set(list_checks("numpy"))
    assert names("-bits") == [name for name in names() if not name.startswith("bits/")]
    assert names("layout,-layout/*e*") == names("layout", "-layout/*e*")
    assert [check.name for check in select_checks("numpy", "shape/ones, shape/empty")] == ["shape/empty", "shape/ones"]


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ("layout/fortan", "unknown check or family 'layout/fortan': did you mean 'layout/fortran'"),
        ("dtype,lay*t*r", "unknown pattern 'lay*t*r'"),
        ("-bitz", "unknown check or family 'bitz': did you mean 'bits'"),
        ("dtype,,bits", "empty name in 'dtype,,bits': separate names by one comma"),
        ("-", "empty name in '-'"),
        ("files/no-litter", "the check 'files/no-litter' has been renamed: use 'files/no-leftovers'"),
        ("-tensor/kind", "the check 'tensor/kind' has been renamed: use 'tensor/class'"),
    ],
)
def test_unknown_name_in_selection_raises_with_fix(select: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_selection(select)


def test_every_check_explains_itself() -> None:
    for name, check in CHECKS.items():
        lines = check.explanation.splitlines()
        assert lines[0].endswith("."), name
        assert [sum(line.startswith(start) for line in lines) for start in ("Why: ", "What to do: ")] == [1, 1], name


def test_every_aspect_is_judged_by_an_owning_check() -> None:
    """Every difference belongs to a check: an aspect that blocks one check is judged by another one."""
    for backend in BACKENDS:
        judged = set().union(*(check.judges for check in checks_for(backend)))
        unavailable = {"numpy": set(), "torch": set(), "tensorflow": {"strides"}, "jax": {"strides"}, "mxnet": {"strides"}}
        assert judged == set(ASPECTS) - unavailable[backend]
        for name in (check.name for check in checks_for(backend) if check.family == "dtype"):
            dtype = name.split("/")[1]
            for aspect in ("dtype", "values"):
                owner = owning_check(Difference("", aspect, "", "", leaf=dtype))
                assert owner in list_checks(backend)
                assert aspect in CHECKS[str(owner)].judges
    for shape in ("()", "(0,)", "(2, 0)", "(1, 1)", "(2, 3)", "(2, 1, 2, 1, 2)"):
        owner = owning_check(Difference("", "shape", shape, "()"))
        assert owner is not None
        assert "shape" in CHECKS[owner].judges
    for kind in ("dict", "list", "tuple", "int", "NoneType", "collections.OrderedDict", "numpy.float32"):
        for aspect in ("container", "keys"):
            owner = owning_check(Difference("", aspect, "", "", leaf=kind))
            assert owner is not None
            assert aspect in CHECKS[owner].judges


def test_wrong_dtype_fails_one_check_and_blocks_others() -> None:
    """A loader that returns another dtype fails `dtype`. `bits` cannot compare the values, and is skipped with that reason."""
    format = pickle_format(load=lambda path: {key: value.astype("f8") for key, value in load_pickle(path).items()}, accepts="dict")
    results = {result.check: result for result in check_format(format, select=["dtype/float32", "bits/float32", "layout"], examples=0)}
    assert results["dtype/float32"].verdict is Verdict.CHANGED
    assert results["bits/float32"].verdict is None
    assert "blocked by dtype/float32, which checks the dtype" in str(results["bits/float32"].skipped)
    assert not results["bits/float32"].passed
    alone = run_check(format, "bits/float32", examples=0)
    assert alone.verdict is Verdict.CHANGED, "no other check is selected, so this one reports the loss"


def test_loss_that_the_owning_check_misses_is_reported() -> None:
    """The format loses the dtype only in Fortran order, which `dtype/float32` does not check."""

    def save(tree: Any, path: pathlib.Path) -> None:
        save_pickle({key: value.astype("f8") if value.ndim > 1 and value.flags.fnc else value for key, value in tree.items()}, path)

    results = {
        result.check: result for result in check_format(pickle_format(save=save, accepts="dict"), select=["dtype", "layout"], examples=0)
    }
    assert results["dtype/float32"].verdict is Verdict.KEPT
    assert results["layout/fortran"].verdict is Verdict.CHANGED
    assert "dtype: expected float32, got float64" in results["layout/fortran"].detail


def test_lost_tensor_is_reported_although_classes_change_too() -> None:
    class Other(np.ndarray[Any, Any]):
        pass

    def load(path: pathlib.Path) -> Any:
        return {key: None if value.dtype == np.int8 else value.view(Other) for key, value in load_pickle(path).items()}

    results = {r.check: r for r in check_format(pickle_format(load=load), select=["dtype/int8", "dtype/int16", "tensor/class"], examples=0)}
    assert results["tensor/class"].verdict is Verdict.CONVERTED
    assert results["dtype/int16"].verdict is Verdict.KEPT
    assert results["dtype/int8"].verdict is Verdict.CHANGED
