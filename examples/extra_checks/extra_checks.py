"""Checks for checkpoints of tables: dicts of columns of the same length."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_ckpt.checks import EXTENDED, FormatProfile, check
from pytest_ckpt.specs import DictSpec, Fill, Spec, TensorSpec

#: The name and the dtype of each column.
COLUMNS = (("id", "int64"), ("price", "float64"), ("count", "int32"), ("sold", "bool"))


def _table(rows: int) -> DictSpec:
    return DictSpec(tuple((name, TensorSpec(dtype, (rows,), fill=Fill(seed))) for seed, (name, dtype) in enumerate(COLUMNS, start=1)))


def _draw_tables(profile: FormatProfile) -> Any:
    from hypothesis import strategies as st

    return st.integers(1, 100).map(_table)


@check("table/columns", judges={"keys", "dtype", "shape", "values"}, explore=_draw_tables)
def columns(profile: FormatProfile) -> Iterator[Spec]:
    """The columns of a table are restored, each with its name, its dtype and its values.

    Why: a format that stores one array for the whole table casts all columns to one dtype.
    What to do: store each column as a separate array.
    """
    yield _table(1)
    yield _table(3)


@check("table/no-rows", level=EXTENDED, judges={"keys", "dtype", "shape"})
def no_rows(profile: FormatProfile) -> Iterator[Spec]:
    """A table without rows keeps its columns.

    Why: without values, nothing tells the dtype of a column.
    What to do: store the names and dtypes of the columns.
    """
    yield _table(0)
