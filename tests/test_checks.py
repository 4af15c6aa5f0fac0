"""Checks: how they are selected, and that each asks one question, of which no part is asked by none."""

from __future__ import annotations

import pathlib
from typing import Any

import numpy as np

from pytest_ckpt import Verdict, check_format, list_checks
from pytest_ckpt.checks import CHECKS, checks_for, owning_check, select_checks
from pytest_ckpt.verdicts import ASPECTS, Difference

from .conftest import BACKENDS
from .mine import asked, dump, mine, undump


def test_select_takes_families_names_and_globs_and_takes_away() -> None:
    def names(*select: str) -> list[str]:
        return [check.name for check in select_checks("numpy", list(select) or None)]

    assert {CHECKS[name].level for name in names()} == {"core"}
    assert names("layout/fortran") == ["layout/fortran"]
    assert names("layout", "-layout/*e*") == ["layout/fortran", "layout/broadcast"]
    assert set(names("all")) == set(list_checks("numpy"))
    assert names("-bits") == [name for name in names() if not name.startswith("bits/")]


def test_every_aspect_belongs_to_a_check_of_its_own() -> None:
    """No difference may belong to no check: what blocks one question is another check's question in the plain case."""
    for backend in BACKENDS:
        judged = set().union(*(check.judges for check in checks_for(backend)))
        invisible = {"numpy": set(), "torch": set(), "tensorflow": {"strides"}, "jax": {"strides"}, "mxnet": {"strides"}}
        assert judged == set(ASPECTS) - invisible[backend]
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


def test_one_loss_fails_one_question() -> None:
    """A loader that gives other dtypes fails `dtype`; that values cannot be compared then is a skip that says so."""
    format = mine(load=lambda path: {key: value.astype("f8") for key, value in undump(path).items()}, accepts="dict")
    results = {result.check: result for result in check_format(format, select=["dtype/float32", "bits/float32", "layout"], examples=0)}
    assert results["dtype/float32"].verdict is Verdict.CHANGED
    assert results["bits/float32"].verdict is None
    assert "blocked by dtype/float32, which checks the dtype" in str(results["bits/float32"].skipped)
    assert not results["bits/float32"].passed
    alone = asked(format, "bits/float32", examples=0)
    assert alone.verdict is Verdict.CHANGED, "nobody else asks, so the loss is told here"


def test_a_loss_that_no_other_check_sees_is_told_where_it_is_met() -> None:
    """float32 keeps its dtype in plain memory, so `dtype/float32` has nothing to tell of Fortran order."""

    def save(tree: Any, path: pathlib.Path) -> None:
        dump({key: value.astype("f8") if value.ndim > 1 and value.flags.fnc else value for key, value in tree.items()}, path)

    results = {result.check: result for result in check_format(mine(save=save, accepts="dict"), select=["dtype", "layout"], examples=0)}
    assert results["dtype/float32"].verdict is Verdict.KEPT
    assert results["layout/fortran"].verdict is Verdict.CHANGED
    assert "dtype: expected float32, got float64" in results["layout/fortran"].detail


def test_a_tensor_that_is_gone_is_told_where_others_merely_change_their_class() -> None:
    class Other(np.ndarray[Any, Any]):
        pass

    def load(path: pathlib.Path) -> Any:
        return {key: None if value.dtype == np.int8 else value.view(Other) for key, value in undump(path).items()}

    results = {r.check: r for r in check_format(mine(load=load), select=["dtype/int8", "dtype/int16", "tensor/class"], examples=0)}
    assert results["tensor/class"].verdict is Verdict.CONVERTED
    assert results["dtype/int16"].verdict is Verdict.KEPT
    assert results["dtype/int8"].verdict is Verdict.CHANGED
