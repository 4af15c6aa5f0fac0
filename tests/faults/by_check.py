"""All planted faults, by check: each check must fail each of its faults."""

from __future__ import annotations

import importlib
from typing import Any

from pytest_ckpt import Format
from pytest_ckpt.checks import SCENARIOS, Check
from pytest_ckpt.expectations import matches

from .faulty_reference import MakeFault, faulty_format
from .mismatch import mismatch_faults
from .models import model_faults
from .partial_losses import PARTIAL_LOSSES
from .tensors import alias_fault, bits_fault, dtype_fault, layout_fault, nan_payload_fault, shape_fault, tensor_fault
from .training import training_faults
from .trees import container_fault, keys_fault

#: By family: the name of the basic fault, and the function that makes it for a case.
_BASIC: dict[str, tuple[str, MakeFault]] = {
    "dtype": ("changes_dtype", dtype_fault),
    "bits": ("zeroes_last_special_pattern", bits_fault),
    "nan-payload": ("canonicalizes_nan", nan_payload_fault),
    "shape": ("changes_shape", shape_fault),
    "layout": ("ignores_layout", layout_fault),
    "container": ("changes_container", container_fault),
    "keys": ("changes_keys", keys_fault),
    "tensor": ("drops_property", tensor_fault),
    "alias": ("breaks_aliasing", alias_fault),
}


def faults_for(check: Check, backend: str) -> dict[str, Format]:
    """Return the formats that a check must fail, by the name of the fault."""
    if check.family in SCENARIOS:
        module: Any = importlib.import_module(f"tests.faults.{check.family}")
        found: dict[str, Format] = module.faults(check.case, backend)
        return found
    if check.family == "mismatch":
        return mismatch_faults(check.case, backend)
    if check.family == "training":
        return training_faults(check.case, backend)
    if check.family == "model":
        return model_faults(check.case, backend)
    name, make = _BASIC[check.family]
    faults = {name: make(check.case, backend)}
    for (name, checks), (backends, make) in PARTIAL_LOSSES.items():
        if backend in backends and any(matches(check.name, pattern) for pattern in checks):
            faults[name] = make(check.case, backend)
    return {name: faulty_format(backend, fault) for name, fault in faults.items()}
