"""What gets saved, as small immutable values in plain Python. `repr(spec)` evaluates with the names of this package."""

from .base import MAX_DEPTH, Spec, from_json, to_json
from .crashes import CRASHES, Crashed, Crashing, Interrupted, Interrupting
from .damage import Appended, Damage, Damaged, Damaging, Exchanged, Flipped, Missing, Spliced, Swapped, Truncated, Zeroed
from .dtypes import DTYPES, DType, Float, dtypes_of, is_nan, nan_patterns, special_patterns
from .hostile import Attacked, Attacking
from .layers import LAYERS, LayerSpec
from .layouts import LAYOUTS, Layout, layouts_of, misfit
from .models import Into, Misfit, ModelSpec, Narrow, Partial, other_model
from .scenes import Scenario, Scene
from .tensors import TRAITS, Fill, TensorSpec, nearest
from .training import OPTIMIZERS, SCHEDULES, TrainingSpec, other_run
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
    Unsavable,
    UnsavableSpec,
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
    "CRASHES", "Crashed", "Crashing", "Interrupted", "Interrupting",
    "Appended", "Attacked", "Attacking", "Damage", "Damaged", "Damaging", "Exchanged", "Flipped", "Missing", "Spliced", "Swapped",
    "Truncated", "Zeroed",
    "DTYPES", "LAYERS", "LAYOUTS", "MAX_DEPTH", "OPTIMIZERS", "SCHEDULES", "TRAITS", "DType", "DataclassSpec", "Deep", "DictSpec",
    "Fill", "Float", "Into", "LayerSpec", "Layout", "ListSpec", "Misfit", "ModelSpec", "NamedTupleSpec", "Narrow", "Pair", "Partial",
    "PlainSpec", "Record", "SameAs", "ScalarSpec", "Scenario", "Scene", "Spec", "TensorSpec", "TrainingSpec", "Tree", "TupleSpec",
    "Unsavable", "UnsavableSpec", "ViewOf", "Wide",
    "dtypes_of", "effort", "from_json", "in_plain_memory", "is_nan", "layouts_of", "misfit", "nan_patterns", "nearest", "other_model",
    "other_run", "other_values", "payload_of", "special_patterns", "tensor_specs_in", "to_json", "walk",
]  # fmt: skip
