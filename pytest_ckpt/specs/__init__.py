"""What gets saved, as small immutable values in plain Python. `repr(spec)` evaluates with the names of this package."""

from .base import MAX_DEPTH, Spec, from_json, to_json
from .dtypes import DTYPES, DType, Float, dtypes_of, is_nan, nan_patterns, special_patterns
from .layouts import LAYOUTS, Layout, layouts_of, misfit
from .models import Dense, ModelSpec
from .tensors import TRAITS, Fill, TensorSpec, nearest
from .trees import (
    DataclassSpec,
    Deep,
    DictSpec,
    ListSpec,
    NamedTupleSpec,
    Pair,
    PlainSpec,
    Record,
    SameAs,
    ScalarSpec,
    Tree,
    TupleSpec,
    ViewOf,
    Wide,
    effort,
    in_plain_memory,
    other_values,
    payload_of,
    tensor_specs_in,
    walk,
)

__all__ = [
    "DTYPES", "LAYOUTS", "MAX_DEPTH", "TRAITS", "DType", "DataclassSpec", "Deep", "Dense", "DictSpec", "Fill", "Float",
    "Layout", "ListSpec", "ModelSpec", "NamedTupleSpec", "Pair", "PlainSpec", "Record", "SameAs", "ScalarSpec", "Spec",
    "TensorSpec", "Tree", "TupleSpec", "ViewOf", "Wide", "dtypes_of", "effort", "from_json", "in_plain_memory", "is_nan", "layouts_of",
    "misfit", "nan_patterns", "nearest", "other_values", "payload_of", "special_patterns", "tensor_specs_in",
    "to_json", "walk",
]  # fmt: skip
