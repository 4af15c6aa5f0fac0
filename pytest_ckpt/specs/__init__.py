"""Specs: small immutable values that describe the objects to save.

`repr(spec)` is Python code that evaluates to an equal spec, with the names of this package.
"""

from .attacks import AttackCase, AttackSweep
from .base import MAX_DEPTH, Spec, from_json, to_json
from .capabilities import FEATURES, Capabilities, Need, capabilities_of
from .crash import CRASHES, CrashState, CrashSweep, InterruptCase, InterruptSweep
from .damage import Appended, Damage, DamageCase, DamageSweep, Exchanged, Flipped, Missing, Spliced, Swapped, Truncated, Zeroed
from .dtypes import DTYPES, DType, Float, dtypes_of, is_nan, nan_patterns, special_patterns
from .layers import LAYERS, LayerSpec
from .layouts import LAYOUTS, Layout, layout_error, layouts_of
from .mismatch import LoadInto, Mismatch, NarrowLoad, PartialLoad
from .models import ModelSpec, other_model
from .scenarios import NamedScenario, Scenario
from .tensors import TRAITS, Fill, TensorSpec
from .training import OPTIMIZERS, SCHEDULES, TrainingSpec, other_run
from .tree_ops import effort, in_c_order, other_values, payload_of, tensor_specs_in, walk
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
)

__all__ = [
    "CRASHES",
    "DTYPES",
    "FEATURES",
    "LAYERS",
    "LAYOUTS",
    "MAX_DEPTH",
    "OPTIMIZERS",
    "SCHEDULES",
    "TRAITS",
    "Appended",
    "AttackCase",
    "AttackSweep",
    "Capabilities",
    "CrashState",
    "CrashSweep",
    "DType",
    "Damage",
    "DamageCase",
    "DamageSweep",
    "DataclassSpec",
    "Deep",
    "DictSpec",
    "Exchanged",
    "Fill",
    "Flipped",
    "Float",
    "InterruptCase",
    "InterruptSweep",
    "LayerSpec",
    "Layout",
    "ListSpec",
    "LoadInto",
    "Mismatch",
    "Missing",
    "ModelSpec",
    "NamedScenario",
    "NamedTupleSpec",
    "NarrowLoad",
    "Need",
    "Pair",
    "PartialLoad",
    "PlainSpec",
    "Record",
    "SameAs",
    "ScalarSpec",
    "Scenario",
    "Spec",
    "Spliced",
    "Swapped",
    "TensorSpec",
    "TrainingSpec",
    "Tree",
    "Truncated",
    "TupleSpec",
    "Unsavable",
    "UnsavableSpec",
    "ViewOf",
    "Wide",
    "Zeroed",
    "capabilities_of",
    "dtypes_of",
    "effort",
    "from_json",
    "in_c_order",
    "is_nan",
    "layout_error",
    "layouts_of",
    "nan_patterns",
    "other_model",
    "other_run",
    "other_values",
    "payload_of",
    "special_patterns",
    "tensor_specs_in",
    "to_json",
    "walk",
]  # fmt: skip
