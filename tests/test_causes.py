"""A likely cause is given only if it explains every element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pytest_ckpt import differences

FLOATS = np.arange(1.0, 7.0).reshape(2, 3) / 3
IMAGE = np.arange(24).reshape(1, 2, 3, 4)
TABLE = np.arange(1.0, 49.0).reshape(8, 6)


def _with(array: Any, where: Any, value: Any) -> Any:
    """Return a copy in which a part has other values."""
    changed = array.copy()
    changed[where] = value
    return changed


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
    "a part of it": (np.where(FLOATS > 1, FLOATS, FLOATS + 1), FLOATS, ""),
    "rows of zeros": (_with(FLOATS, np.s_[1:], 0), FLOATS, "row 1 contains only zeros"),
    "several rows": (_with(TABLE, np.s_[3:6], np.nan), TABLE, "rows 3 to 5 contain only NaN"),
    "one column": (_with(TABLE, np.s_[:, 2], 0), TABLE, "column 2 contains only zeros"),
    "a rectangle": (_with(TABLE, np.s_[1:3, 2:5], 7), TABLE, "the block [1:3, 2:5] contains only the value 7.0"),
    "a part of each image": (_with(IMAGE + 1, np.s_[:, :, 1:], 0), IMAGE + 1, "the block [:, :, 1:3, :] contains only zeros"),
    "the rest of the memory": (_with(TABLE, TABLE >= 20, 0), TABLE, "the elements 19 to 47, counted in C order, contain only zeros"),
    "zeros with signs": (-0.0 * FLOATS, FLOATS, "all elements are zero"),
    "nan": (FLOATS * np.nan, FLOATS, "all elements are NaN"),
    "other values in a row": (_with(TABLE, np.s_[3:6], -TABLE[3:6]), TABLE, ""),
    "two wrong flags": (np.array([True, False, False, True]), np.array([True] * 4), ""),
    "one element": (np.array([1]), np.array([2]), ""),
}


@pytest.mark.parametrize("name", CASES)
def test_cause_explains_every_element(name: str) -> None:
    actual, expected, cause = CASES[name]
    (found,) = differences(actual, expected, ignore=["strides"])
    assert cause in found.cause if cause else found.cause == ""
    assert (f"likely cause: {found.cause}" in str(found)) is bool(cause)


@pytest.mark.parametrize(("actual", "expected", "cause"), [
    ((3, 2), (2, 3), "the axes are in another order"), ((6,), (2, 3), "the tensor was flattened"),
    ((3, 2, 2), (2, 6), "the tensor was reshaped"), ((2,), (2, 1), "axes of length 1 were removed"),
    ((1,), (), "axes of length 1 were added"), ((2, 2), (2, 3), ""), ((3,), (2,), ""),
])  # fmt: skip
def test_cause_of_other_shape(actual: tuple[int, ...], expected: tuple[int, ...], cause: str) -> None:
    (found,) = differences(np.zeros(actual), np.zeros(expected), ignore=["strides"])
    assert (found.aspect, found.cause) == ("shape", cause)
