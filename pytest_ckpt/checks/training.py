"""The family `training`: a run that was saved and resumed equals one that was never interrupted, bit for bit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..specs import OPTIMIZERS, SCHEDULES, LayerSpec, ModelSpec, Spec, TrainingSpec
from ..specs.capabilities import needs_of
from .base import CORE, TRAINING, Check, Explore, Premise, check
from .model import JUDGES, dense
from .profile import FormatProfile

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

#: Two layers of the same shape, so that the state of one can be mistaken for that of the other.
_MODEL = ModelSpec((dense(2), LayerSpec("relu"), dense(2)), (2,))
#: Runs with one feature each. If one of these fails, a drawn run with this feature shows nothing new.
_STATISTICS = TrainingSpec(ModelSpec((dense(3), LayerSpec("batch-norm"), dense(2)), (2,)), "sgd")
_DROPOUT = TrainingSpec(ModelSpec((dense(4), LayerSpec("dropout"), dense(2)), (2,)), "sgd")
_NOISE = TrainingSpec(_MODEL, "sgd", noise=True)


def _optimizer(profile: FormatProfile, optimizer: str) -> Iterator[Spec]:
    """A run with this optimizer continues after loading as if it had never been interrupted.

    The run is trained, saved, loaded into a run with another start, and trained further. After
    every step, its parameters, slots and counters equal those of an uninterrupted run.

    Why: slots are lost, cast, swapped or reset, and the loss still looks plausible
    (tensorflow/tensorflow#44670, pytorch/pytorch#75214, databricks/flashoptim#3,
    NVIDIA-NeMo/Megatron-Bridge#3832, tensorflow/tensorflow#53064).
    What to do: save the whole state of the optimizer by the names of the parameters, and restore it
    after the optimizer is built.
    """
    yield TrainingSpec(_MODEL, optimizer)
    yield TrainingSpec(_MODEL, optimizer, before=4, after=1)


OPTIMIZER_CHECKS: tuple[Check, ...] = tuple(
    Check(
        name=f"training/{optimizer}",
        level=CORE,
        judges=frozenset(JUDGES),
        examples=lambda profile, optimizer=optimizer: _optimizer(profile, optimizer),  # type: ignore[misc]
        explanation=inspect.getdoc(_optimizer) or "",
        needs=needs_of({"optimizers": optimizer}),
        subjects=frozenset({TRAINING}),
    )
    for optimizer in OPTIMIZERS
)


def _training(
    case: str, feature: str = "training", explore: Explore | None = None, premise: Premise | None = None
) -> Callable[[Callable[[FormatProfile], Iterable[Spec]]], Check]:
    needs = {"features": feature}
    return check(f"training/{case}", judges=JUDGES, needs=needs, explore=explore, premise=premise, subjects={TRAINING})


@_training("schedule")
def schedule(profile: FormatProfile) -> Iterator[Spec]:
    """The learning rate continues according to its schedule, for every schedule of the framework.

    Why: the schedule starts again, is combined with the wrong base rate, or keeps an outdated
    function (pytorch/pytorch#29697, pytorch/pytorch#52911, huggingface/nanotron#256,
    torch-points3d/torch-points3d#630).
    What to do: save the state of the schedule, and restore it after the optimizer and the schedule
    are built.
    """
    for name in SCHEDULES:
        if name in profile.capabilities.schedules:
            yield TrainingSpec(_MODEL, "momentum", schedule=name, before=2, after=3)
            # After an odd number of steps, a schedule that counts bad steps has counted one.
            yield TrainingSpec(_MODEL, "adam", schedule=name, before=3, after=4)


@_training("step")
def step(profile: FormatProfile) -> Iterator[Spec]:
    """The number of completed steps is restored, so that training continues with the next data.

    Why: the counter starts at zero, and data is used twice (Lightning-AI/pytorch-lightning#12819,
    pytorch/pytorch#125528, KempnerInstitute/KempnerForge#57).
    What to do: save the counter with the parameters.
    """
    yield TrainingSpec(_MODEL, "sgd", before=3)


@_training("rng")
def rng(profile: FormatProfile) -> Iterator[Spec]:
    """Random numbers continue where they stopped: those of the framework, of NumPy and of Python.

    Why: the states of generators are not saved, or saved and not restored, so noise and dropout
    differ (keras-team/keras#19796, google/orbax#2540, huggingface/transformers#46628).
    What to do: save the state of every generator that the run uses, and restore it last.
    """
    yield _NOISE
    # An odd number of steps: both generators produce normal numbers in pairs, and store the second.
    yield TrainingSpec(_MODEL, "sgd", noise=True, before=3)


@_training("dropout", "dropout-state")
def dropout(profile: FormatProfile) -> Iterator[Spec]:
    """Dropout drops the same elements as in an uninterrupted run.

    Why: the state of its generator is not a parameter (keras-team/keras#19796, keras-team/keras#23657).
    What to do: save the state of that generator, which may be outside the model.
    """
    yield _DROPOUT


@_training("statistics")
def statistics(profile: FormatProfile) -> Iterator[Spec]:
    """The running statistics of batch normalization continue from the saved values.

    Why: they are not parameters (torch/nn#1165).
    What to do: save the whole state of the model.
    """
    yield _STATISTICS


@_training("averaged", "averaged-weights")
def averaged(profile: FormatProfile) -> Iterator[Spec]:
    """The weights and their moving averages are both restored, and are not confused.

    Why: one is saved in place of the other, or is not saved (ai2cm/ace#349,
    ultralytics/yolov5#310, Megvii-BaseDetection/YOLOX#1318, atomistic-machine-learning/schnetpack#785).
    What to do: save both, under different names.
    """
    yield TrainingSpec(_MODEL, "adam", averaged=True)


@_training("mixed-precision", "loss-scaling")
def mixed_precision(profile: FormatProfile) -> Iterator[Spec]:
    """The dynamic loss scale and its count of good steps are restored.

    Why: the scale starts again, and steps are skipped (NVIDIA-NeMo/Megatron-Bridge#3832).
    What to do: save the state of the loss scaler.
    """
    yield TrainingSpec(_MODEL, "adam", scaled=True, before=3, after=3)


@_training("accumulated")
def accumulated(profile: FormatProfile) -> Iterator[Spec]:
    """Accumulated gradients that are not yet applied are restored.

    Why: a checkpoint between two updates drops them, and the next update is smaller.
    What to do: save them, or save only after an update.
    """
    yield TrainingSpec(_MODEL, "sgd", accumulate=2, before=3, after=3)


@_training("groups", "parameter-groups")
def groups(profile: FormatProfile) -> Iterator[Spec]:
    """Each group of parameters keeps its settings.

    Why: all groups get the settings of one, or slots are found by position
    (facebookresearch/fairscale#601, pytorch/pytorch#1489, izmailovpavel/contrib_swa_examples#3).
    What to do: save the settings of each group, and the names of its parameters.
    """
    yield TrainingSpec(_MODEL, "momentum", groups=2)
    yield TrainingSpec(_MODEL, "adam", groups=3)
    yield TrainingSpec(_MODEL, "momentum", schedule="steps", groups=2, before=4)


@_training("second-resume")
def second_resume(profile: FormatProfile) -> Iterator[Spec]:
    """A resumed run can be saved and resumed again.

    Why: the state that is saved after loading differs from the loaded one
    (KempnerInstitute/KempnerForge#57, pytorch/pytorch#84654).
    What to do: test saving directly after loading.
    """
    yield TrainingSpec(_MODEL, "adam", resumes=2)


def _draw_runs(profile: FormatProfile) -> SearchStrategy[Any]:
    from ..strategies import training_specs

    return training_specs(profile.backend)


def _each_feature(spec: Any) -> Iterator[Spec]:
    """Yield a simple run for each feature of a drawn run: what fails there is reported by another check."""
    yield TrainingSpec(_MODEL, spec.optimizer)
    if spec.schedule:
        yield TrainingSpec(_MODEL, "momentum", schedule=spec.schedule, before=2, after=3)
    kinds = {here.layer.kind for here in spec.model.all_layers()}
    features = ((_NOISE, spec.noise), (_DROPOUT, "dropout" in kinds), (_STATISTICS, "batch-norm" in kinds))
    yield from (run for run, is_used in features if is_used)


@_training("drawn", explore=_draw_runs, premise=_each_feature)
def drawn(profile: FormatProfile) -> Iterator[Spec]:
    """Runs with drawn models, optimizers, schedules and lengths continue as if never interrupted.

    Why: some faults need a combination, such as an optimizer and a layer that it does not train
    (keras-team/keras#9905).
    What to do: see the counterexample.
    """
    yield TrainingSpec(ModelSpec((dense(2), LayerSpec("batch-norm"), dense(2)), (2,)), "adam", before=1, after=1)
    yield TrainingSpec(ModelSpec(tuple(dense(2) for _ in range(6)), (2,)), "adam")
    yield TrainingSpec(ModelSpec((dense(2), LayerSpec("tied", 2, of=0), dense(2)), (2,)), "adam")
    for dtype in ("float64", "float16"):
        yield TrainingSpec(ModelSpec((dense(2, dtype=dtype), dense(2)), (2,)), "momentum")
    if "frozen-layers" in profile.capabilities.features:
        yield TrainingSpec(ModelSpec((dense(2), dense(2, frozen=True), dense(2)), (2,)), "adam")
