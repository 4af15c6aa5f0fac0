"""The numpy dtype for each name of the dtype table, including the extension dtypes of ml_dtypes."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from ..specs import DTYPES

#: Dtypes of the table that fix a size or a unit, as numpy writes them.
_FIXED = {
    "text": "U8", "bytes": "S8", "void": "V8", "datetime64": "M8[s]", "datetime64-ns": "M8[ns]", "datetime64-D": "M8[D]",
    "timedelta64": "m8[s]", "timedelta64-ns": "m8[ns]", "timedelta64-D": "m8[D]",
}  # fmt: skip


def _struct(dtype: str) -> np.dtype[Any]:
    fields: dict[str, list[tuple[str, str]]] = {}
    for field, kind in DTYPES[dtype].fields:
        outer, _, inner = field.partition(".")
        fields.setdefault(outer, []).append((inner, kind))
    layout = [(outer, inner[0][1] if not inner[0][0] else np.dtype(inner)) for outer, inner in fields.items()]
    return np.dtype(layout, align=dtype == "struct-aligned")


def numpy_dtype(dtype: str) -> np.dtype[Any] | None:
    """Return the numpy dtype for a name of the table, or None if the installed numpy and ml_dtypes
    have none.
    """
    row = DTYPES[dtype]
    if row.kind == "struct":
        return _struct(dtype)
    if row.float is not None and row.float.nans == "x87" and np.finfo(np.longdouble).nmant != 63:
        return None
    if row.kind == "string":
        strings = getattr(np.dtypes, "StringDType", None) if hasattr(np, "dtypes") else None
        return strings() if strings else None
    if dtype in _FIXED:
        return np.dtype(_FIXED[dtype])
    if row.kind == "raw":
        return None
    if isinstance(extension := getattr(ml_dtypes, dtype, None), type):
        return np.dtype(extension)
    try:
        return np.dtype(dtype)
    except TypeError:
        return None
