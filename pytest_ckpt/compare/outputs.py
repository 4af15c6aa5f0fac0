"""Compare the outputs of two models with the same state.

Only the original itself, run again, can excuse a difference, and only one of rounding size: some
frameworks round differently in each run, because threads add in another order, or because memory
is aligned differently. A copy of the original cannot, since it may go through the same code as the
checkpoint.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backends.model_base import ModelBackend
from ..specs import DTYPES
from ..verdicts import Difference
from .elements import as_array
from .tensors import copy_tree, read, tensors_in
from .trees import differences
from .unsaved import causes_of_other_outputs

#: The path of outputs in differences.
OUTPUTS = "['outputs']"
#: Aspects that do not count in outputs.
_IGNORED = frozenset({"strides", "order", "alias", "flags"})
#: How often the original is run, to see whether it repeats its outputs.
_RUNS = 12
#: How many units in the last place, of the largest element of a tensor, count as rounding.
ROUNDING = 16


def output_differences(actual: Any, expected: Any, inputs: Any, models: ModelBackend) -> tuple[list[Difference], str]:
    """Compare the outputs of two models with the same state.

    Returns the differences, and a sentence about those that were excused, or an empty text. A
    difference is excused if it is at most `ROUNDING` units in the last place, and if runs of
    ``expected`` itself differ as much.
    """
    ours, theirs = _outputs(expected, inputs, models), _outputs(actual, inputs, models)
    found = differences({"outputs": theirs}, {"outputs": ours}, _IGNORED)
    if not found:
        return [], ""
    first = _numbers(ours)
    runs = [first, *(_numbers(_outputs(expected, inputs, models, place)) for place in range(1, _RUNS))]
    spread = [max((_distance(*pair) for pair in itertools.combinations(each, 2)), default=0.0) for each in zip(*runs, strict=False)]
    others = [_numbers(theirs)]
    seen = [_distance(*pair) for pair in zip(first, others[0], strict=False)]
    if any(spread) and all(distance <= each.rounding for distance, each in zip(seen, first, strict=False)):
        others += [_numbers(_outputs(actual, inputs, models, place)) for place in range(1, _RUNS)]
        nearest = [_nearest(*each) for each in zip(zip(*runs, strict=False), zip(*others, strict=False), strict=False)]
        excused = [each for each in found if each.aspect in ("values", "nan-payload") and each.leaf in DTYPES]
        if excused and all(distance <= limit for distance, limit in zip(nearest, spread, strict=False)):
            note = f"{_places(excused)} differ by up to {max(seen):.3g}, which is excused as rounding: runs of the original itself differ"
            return [each for each in found if each not in excused], f"{note} by up to {max(spread):.3g}"
    cause = _cause(seen, max(spread, default=0.0), first, causes_of_other_outputs(actual, expected, models))
    return [dataclasses.replace(each, cause=cause) for each in found], ""


def _places(found: Sequence[Difference]) -> str:
    paths = [each.path.removeprefix("['outputs']") for each in found]
    listed = ", ".join(f"outputs{path}" for path in paths[:3])
    return f"{listed} and {len(paths) - 3} more" if len(paths) > 3 else listed


def _cause(seen: Sequence[float], spread: float, outputs: Sequence[_Numbers], causes: Sequence[str]) -> str:
    """Return a sentence about the size of a difference that was not excused, and what may cause it."""
    size = f"outputs differ by up to {max(seen):.3g}" if any(seen) else "outputs differ"
    if spread > max((each.rounding for each in outputs), default=0.0):
        return (
            f"{size}, but runs of the original itself differ by up to {spread:.3g}, which is more than rounding: "
            "make the model repeat its outputs, or do not compare outputs"
        )
    if any(distance > each.rounding for distance, each in zip(seen, outputs, strict=False)):
        limit = "more than rounding"
    else:
        limit = f"more than its own runs ({spread:.3g})" if spread else "while the original repeats its outputs"
    reason = "; ".join(causes) or "something that is not part of the state was not restored, such as a setting of a layer"
    return f"all state is equal, and {size}, {limit}: {reason}"


def _outputs(model: Any, inputs: Any, models: ModelBackend, place: int = 0) -> Any:
    """Run a model on a copy of the inputs, with fixed seeds of numpy and Python.

    With a ``place`` other than 0, its tensors are in other memory, if the framework can do that.
    """
    given, states = inputs, (random.getstate(), np.random.get_state())
    with contextlib.suppress(Exception):  # inputs that cannot be copied are used directly
        given = copy_tree(inputs)
    try:
        random.seed(0)
        np.random.seed(0)
        if not place:
            return models.run(model, given)
        with models.elsewhere(model, given, place) as moved:
            return models.run(model, moved)
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])


@dataclasses.dataclass(frozen=True)
class _Numbers:
    """The elements of an output tensor as float64 or complex128 (None if it has no numbers), and
    the size of a difference that counts as rounding.
    """

    array: Any
    rounding: float


def _numbers(tree: Any) -> list[_Numbers]:
    return [_as_numbers(tensor) for tensor in tensors_in(tree)]


def _as_numbers(tensor: Any) -> _Numbers:
    reading = read(tensor)
    array = None if reading is None else as_array(reading.words, reading.dtype, reading.shape)
    if reading is None or array is None or array.dtype.kind in "USmMO":
        return _Numbers(None, 0.0)
    array = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)
    parts = DTYPES[reading.dtype].float
    sizes = np.abs(array[np.isfinite(array)])
    return _Numbers(array, 0.0 if parts is None or not sizes.size else ROUNDING * 2.0**-parts.mantissa * float(sizes.max()))


def _distance(first: _Numbers, second: _Numbers) -> float:
    """Return the largest distance between two elements at one place, and infinity if they cannot be
    compared.
    """
    ours, theirs = first.array, second.array
    if ours is None or theirs is None or ours.shape != theirs.shape:
        return 0.0 if ours is None and theirs is None else float("inf")
    with np.errstate(all="ignore"):
        distance = np.abs(np.where((ours == theirs) | (np.isnan(ours) & np.isnan(theirs)), 0.0, theirs - ours))
    return float(np.nan_to_num(distance, nan=np.inf).max(initial=0.0))


def _nearest(ours: Sequence[_Numbers], theirs: Sequence[_Numbers]) -> float:
    """Return the smallest distance between a run of one model and a run of another."""
    return min(_distance(first, second) for first in ours for second in theirs)
