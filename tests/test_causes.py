"""A likely cause is given only if it explains every element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_ckpt import differences

FLOATS = np.arange(1.0, 7.0).reshape(2, 3) / 3
IMAGE = np.arange(24).reshape(1, 2, 3, 4)
CASES: dict[str, tuple[Any, Any, str]] = {
    "zeros": (np.zeros((2, 3)), FLOATS, "all elements are zero"),
    "byte order": (FLOATS.byteswap(), FLOATS, "the byte order of each element is swapped"),
    "fortran": (FLOATS.ravel(order="F").reshape(2, 3), FLOATS, "without regard to the strides"),
    "channels last": (IMAGE.transpose(0, 2, 3, 1).reshape(1, 2, 3, 4), IMAGE, "without regard to the strides"),
    "backwards": (FLOATS[:, ::-1].copy(), FLOATS, "one axis is reversed"),
    "single": (FLOATS.astype("f4").astype("f8"), FLOATS, "rounded to float32"),
    "half": (FLOATS.astype("f2").astype("f8"), FLOATS, "rounded to float16"),
    "shuffled": (np.array([3, 1, 2, 5]), np.array([1, 2, 5, 3]), "in another order"),
    "fortran complex": ((FLOATS * 1j).ravel(order="F").reshape(2, 3), FLOATS * 1j, "without regard to the strides"),
    "other": (FLOATS + 1, FLOATS, ""),
    "a part of it": (np.where(FLOATS > 1, FLOATS, 0.5), FLOATS, ""),
    "one element": (np.array([1]), np.array([2]), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_cause_explains_every_element(name: str) -> None:
    actual, expected, cause = CASES[name]
    (found,) = differences(actual, expected, ignore=["strides"])
    assert cause in found.cause if cause else found.cause == ""
    assert (f"likely cause: {found.cause}" in str(found)) is bool(cause)
