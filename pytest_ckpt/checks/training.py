"""The family `training`: a run that was saved and resumed equals one that never stopped, bit for bit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ..specs import OPTIMIZERS, SCHEDULES, LayerSpec, ModelSpec, Spec, TrainingSpec
from ..specs.capabilities import needs_of
from .base import CORE, Check, Explore, FormatProfile, Premise, check
from .model import JUDGES, dense

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

_TRAINING = {"features": "training"}
#: Two layers of one shape, so that what belongs to one can be mistaken for the other's.
_PLAIN = ModelSpec((dense(2), LayerSpec("relu"), dense(2)), (2,))


#: What runs are drawn of, each by itself: where one of these is lost, a drawn run that has it says nothing new.
_STATISTICS = TrainingSpec(ModelSpec((dense(3), LayerSpec("batch-norm"), dense(2)), (2,)), "sgd")
_DROPOUT = TrainingSpec(ModelSpec((dense(4), LayerSpec("dropout"), dense(2)), (2,)), "sgd")
_NOISE = TrainingSpec(_PLAIN, "sgd", noise=True)


def _optimizer(asking: FormatProfile, name: str) -> Iterator[Spec]:
    """A run with this optimizer is trained, saved, loaded into a run that began elsewhere, and trained on: parameters, slots and
    counters equal those of a run that never stopped, after every step.

    Why: slots are lost, cast, swapped or reset, and the loss curve looks plausible (tensorflow/tensorflow#44670,
    pytorch/pytorch#75214, databricks/flashoptim#3, NVIDIA-NeMo/Megatron-Bridge#3832, tensorflow/tensorflow#53064).
    What to do: save the optimizer's whole state by the names of parameters, and restore it after the optimizer was built.
    """
    yield TrainingSpec(_PLAIN, name)
    yield TrainingSpec(_PLAIN, name, before=4, after=1)


OPTIMIZER_CHECKS: tuple[Check, ...] = tuple(
    Check(
        name=f"training/{name}",
        level=CORE,
        judges=frozenset(JUDGES),
        needs=needs_of({"optimizers": name}),
        examples=lambda asking, name=name: _optimizer(asking, name),  # type: ignore[misc]
        why=inspect.getdoc(_optimizer) or "",
    )
    for name in OPTIMIZERS
)


def _training(
    case: str, needs: dict[str, str] = _TRAINING, explore: Explore | None = None, premise: Premise | None = None
) -> Callable[[Callable[[FormatProfile], Iterable[Spec]]], Check]:
    return check(f"training/{case}", judges=JUDGES, needs=needs, explore=explore, premise=premise)


@_training("schedule")
def schedule(asking: FormatProfile) -> Iterator[Spec]:
    """The learning rate goes on as it would have, with each kind of schedule that the framework has.

    Why: the schedule begins anew, is baked into the wrong rate, or keeps a stale function (pytorch/pytorch#29697,
    pytorch/pytorch#52911, huggingface/nanotron#256, torch-points3d/torch-points3d#630).
    What to do: save the schedule's own state, and restore it after optimizer and schedule were built.
    """
    for name in SCHEDULES:
        if name in asking.capabilities.schedules:
            yield TrainingSpec(_PLAIN, "momentum", schedule=name, before=2, after=3)
            # After an odd number of steps, one of those that counts bad steps has counted one.
            yield TrainingSpec(_PLAIN, "adam", schedule=name, before=3, after=4)


@_training("step")
def step(asking: FormatProfile) -> Iterator[Spec]:
    """The number of steps done comes back, which says what is fed next.

    Why: the counter begins at zero, and data are seen twice (Lightning-AI/pytorch-lightning#12819, pytorch/pytorch#125528,
    KempnerInstitute/KempnerForge#57).
    What to do: save the counter beside the parameters.
    """
    yield TrainingSpec(_PLAIN, "sgd", before=3)


@_training("rng")
def rng(asking: FormatProfile) -> Iterator[Spec]:
    """Random numbers go on where they were: the framework's, numpy's and Python's, as far as the run uses them.

    Why: states are not saved, or saved and not restored, and noise and dropout are others (keras-team/keras#19796,
    google/orbax#2540, huggingface/transformers#46628).
    What to do: save the state of every generator that is used, and restore it last.
    """
    yield _NOISE
    # An odd number of steps: both generators make their numbers by twos, and keep the second.
    yield TrainingSpec(_PLAIN, "sgd", noise=True, before=3)


@_training("dropout", {"features": "dropout-state"})
def dropout(asking: FormatProfile) -> Iterator[Spec]:
    """Dropout leaves out what it would have left out.

    Why: the generator that it draws from is no parameter (keras-team/keras#19796, keras-team/keras#23657).
    What to do: save the state of that generator, wherever it is kept.
    """
    yield _DROPOUT


@_training("statistics")
def statistics(asking: FormatProfile) -> Iterator[Spec]:
    """The running statistics of batch normalization go on where they were.

    Why: they are no parameters (torch/nn#1165).
    What to do: save all that the model keeps.
    """
    yield _STATISTICS


@_training("averaged", {"features": "averaged-weights"})
def averaged(asking: FormatProfile) -> Iterator[Spec]:
    """Moving averages of the weights are kept apart from the weights, and both come back.

    Why: one is saved in the place of the other, or left out (ai2cm/ace#349, ultralytics/yolov5#310, Megvii-BaseDetection/YOLOX#1318,
    atomistic-machine-learning/schnetpack#785).
    What to do: save both, under names of their own.
    """
    yield TrainingSpec(_PLAIN, "adam", averaged=True)


@_training("mixed-precision", {"features": "loss-scaling"})
def mixed_precision(asking: FormatProfile) -> Iterator[Spec]:
    """The dynamic loss scale, and how long it has held, come back.

    Why: the scale begins anew, and steps are skipped (NVIDIA-NeMo/Megatron-Bridge#3832).
    What to do: save the scaler's state.
    """
    yield TrainingSpec(_PLAIN, "adam", scaled=True, before=3, after=3)


@_training("accumulated")
def accumulated(asking: FormatProfile) -> Iterator[Spec]:
    """Gradients that were added up and not yet used come back.

    Why: a checkpoint between two updates drops them, and the next update is smaller.
    What to do: save them, or save only after an update.
    """
    yield TrainingSpec(_PLAIN, "sgd", accumulate=2, before=3, after=3)


@_training("groups", {"features": "parameter-groups"})
def groups(asking: FormatProfile) -> Iterator[Spec]:
    """Groups of parameters with settings of their own keep them.

    Why: the settings of one group are given to all, or slots are paired by place (facebookresearch/fairscale#601,
    pytorch/pytorch#1489, izmailovpavel/contrib_swa_examples#3).
    What to do: save the settings of each group, and which parameters are in it.
    """
    yield TrainingSpec(_PLAIN, "momentum", groups=2)
    yield TrainingSpec(_PLAIN, "adam", groups=3)
    yield TrainingSpec(_PLAIN, "momentum", schedule="steps", groups=2, before=4)


@_training("second-resume")
def second_resume(asking: FormatProfile) -> Iterator[Spec]:
    """A run that was resumed can be saved and resumed again.

    Why: what is saved after loading is not what was loaded (KempnerInstitute/KempnerForge#57, pytorch/pytorch#84654).
    What to do: test saving right after loading.
    """
    yield TrainingSpec(_PLAIN, "adam", resumes=2)


def _drawn(asking: FormatProfile) -> SearchStrategy[Any]:
    from ..strategies import training_specs

    return training_specs(asking.backend)


def _its_parts(spec: Any) -> Iterator[Spec]:
    yield TrainingSpec(_PLAIN, spec.optimizer)
    if spec.schedule:
        yield TrainingSpec(_PLAIN, "momentum", schedule=spec.schedule, before=2, after=3)
    kinds = {here.layer.kind for here in spec.model.every()}
    parts = ((_NOISE, spec.noise), (_DROPOUT, "dropout" in kinds), (_STATISTICS, "batch-norm" in kinds))
    yield from (part for part, has in parts if has)


@_training("drawn", explore=_drawn, premise=_its_parts)
def drawn(asking: FormatProfile) -> Iterator[Spec]:
    """Runs of drawn networks, with drawn optimizers, schedules and lengths, go on as they would have.

    Why: what is lost shows only where two things meet, such as an optimizer and a layer that it does not train
    (keras-team/keras#9905).
    What to do: as the counterexample says.
    """
    yield TrainingSpec(ModelSpec((dense(2), LayerSpec("batch-norm"), dense(2)), (2,)), "adam", before=1, after=1)
    yield TrainingSpec(ModelSpec(tuple(dense(2) for _ in range(6)), (2,)), "adam")
    yield TrainingSpec(ModelSpec((dense(2), LayerSpec("tied", 2, of=0), dense(2)), (2,)), "adam")
    for dtype in ("float64", "float16"):
        yield TrainingSpec(ModelSpec((dense(2, dtype=dtype), dense(2)), (2,)), "momentum")
    if "frozen-layers" in asking.capabilities.features:
        yield TrainingSpec(ModelSpec((dense(2), dense(2, frozen=True), dense(2)), (2,)), "adam")
