"""Which checks report that a simple example is not restored, so that a check that builds on this example can be skipped."""

from __future__ import annotations

from collections.abc import Iterator

from ..checks import CHECKS, MODEL, TRAINING, Check, FormatProfile, checks_for, owning_check
from ..formats.base import Format
from ..specs import ModelSpec, Spec, TensorSpec, TrainingSpec
from ..verdicts import Observation


def checks_of_format(format: Format) -> tuple[Check, ...]:
    """Return all checks of the backend, without those for which the format has no function."""
    return tuple(check for check in checks_for(format.backend) if applies(format, check))


def applies(format: Format, check: Check) -> bool:
    """Return whether the format has functions for what a check saves."""
    if format.save is not None:
        return True
    saves_model = format.save_model is not None and MODEL in check.subjects
    return saves_model or (format.save_training is not None and TRAINING in check.subjects)


def reporters(spec: Spec, observation: Observation, profile: FormatProfile) -> Iterator[str]:
    """Yield the names of checks that may report the loss of a simple example, the likeliest first.

    These are the checks that own its differences, those that are named after its parts, and those that have it among their examples.
    A name may occur twice, and may not be the name of a check.
    """
    for difference in sorted(observation.differences, key=lambda each: -each.verdict.severity):
        if (owner := owning_check(difference)) is not None and not isinstance(spec, ModelSpec | TrainingSpec):
            yield owner
    if isinstance(spec, TrainingSpec):
        yield f"training/{spec.optimizer}"
        yield from _with_example("training", spec, profile)
        yield from (f"model/{here.layer.kind}" for here in spec.model.all_layers())
    elif isinstance(spec, ModelSpec):
        yield from (f"model/{here.layer.kind}" for here in spec.all_layers())
        yield from _with_example("model", spec, profile)
    else:
        for leaf in _tensors(spec):
            yield from (f"dtype/{leaf.dtype}", f"bits/{leaf.dtype}")
        yield from ("shape/plain", f"container/{profile.domain}")


def _with_example(family: str, spec: Spec, profile: FormatProfile) -> Iterator[str]:
    """Yield the checks of a family that have the spec among their fixed examples."""
    for check in CHECKS.values():
        if check.family == family and check.can_run(profile.capabilities) and spec in tuple(check.examples(profile)):
            yield check.name


def _tensors(spec: Spec) -> Iterator[TensorSpec]:
    if isinstance(spec, TensorSpec):
        yield spec
    for child in getattr(spec, "children", tuple)():
        yield from _tensors(child)
