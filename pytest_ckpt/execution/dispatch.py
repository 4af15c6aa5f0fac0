"""Run one example: find the procedure of a spec, run it in the right place, and return the observation.

This is the only module that knows all families. It compares nothing and judges nothing.
"""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Callable, Iterable
from typing import Any

from ..backends.base import CannotBuild
from ..specs import (
    AttackCase,
    AttackSweep,
    CrashState,
    CrashSweep,
    DamageCase,
    DamageSweep,
    InterruptCase,
    InterruptSweep,
    LoadInto,
    Mismatch,
    ModelSpec,
    NamedScenario,
    NarrowLoad,
    PartialLoad,
    Spec,
    TrainingSpec,
)
from ..verdicts import Observation
from ..workers import CannotSerialize, WorkerDied
from .context import Context, Workspace
from .corruption import damage
from .crash import interrupt, replay

# These modules register the procedures of named scenarios when they are imported.
from .files import determinism, disk_full, failed_save, leftovers, overwrite, paths, side_effects, size  # noqa: F401
from .mismatch import run_mismatch, run_narrow, run_partial
from .model import run_model
from .process import leaks, lifetime, memory, races, relocation, threads  # noqa: F401
from .registry import PROCEDURES, Placement, Procedure
from .remote import Role
from .security import attack
from .training import run_training
from .tree import run_tree
from .user_code import EarlyResult

#: The procedures of all other specs. A spec that is not listed is a tree.
BY_TYPE: dict[type[Spec], Procedure] = {
    ModelSpec: Procedure(run_model),
    LoadInto: Procedure(run_model),
    Mismatch: Procedure(run_mismatch),
    PartialLoad: Procedure(run_partial),
    NarrowLoad: Procedure(run_narrow),
    TrainingSpec: Procedure(run_training),
    CrashSweep: Procedure(replay.run_sweep, Placement.ACROSS_WORKERS),
    CrashState: Procedure(replay.run_state, Placement.ACROSS_WORKERS),
    InterruptSweep: Procedure(interrupt.run_sweep, Placement.ACROSS_WORKERS),
    InterruptCase: Procedure(interrupt.run_case, Placement.ACROSS_WORKERS),
    DamageSweep: Procedure(damage.run_sweep, Placement.ACROSS_WORKERS),
    DamageCase: Procedure(damage.run_case, Placement.ACROSS_WORKERS),
    AttackSweep: Procedure(attack.run_sweep, Placement.ACROSS_WORKERS),
    AttackCase: Procedure(attack.run_case, Placement.ACROSS_WORKERS),
}
#: Specs that stand for several examples, which are known only once a checkpoint exists.
EXPANSIONS: dict[type[Spec], Callable[[Workspace, Any], Iterable[Spec]]] = {
    CrashSweep: replay.expand,
    InterruptSweep: interrupt.expand,
    DamageSweep: damage.expand,
    AttackSweep: attack.expand,
}
_TREE = Procedure(run_tree)


def procedure_for(spec: Spec) -> Procedure:
    """Return the procedure that runs a spec. Raise ValueError for a scenario that no family registered."""
    if isinstance(spec, NamedScenario):
        if spec.case not in PROCEDURES:
            raise ValueError(f"there is no procedure for {spec.case!r}; known are: {', '.join(PROCEDURES)}")
        return PROCEDURES[spec.case]
    return BY_TYPE.get(type(spec), _TREE)


def expand(context: Context, spec: Spec) -> Iterable[Spec]:
    """Return the examples that a spec stands for, such as one for each way to damage a checkpoint; usually the spec itself."""
    expansion = EXPANSIONS.get(type(spec))
    if expansion is None or context.format.unsupported(spec):
        return (spec,)
    try:
        with context.settings(), context.fresh_path() as path:
            return expansion(Workspace(context, path), spec)
    except (CannotBuild, CannotSerialize, WorkerDied, EarlyResult):
        return (spec,)  # To run it gives the reason.


def run_example(
    context: Context,
    spec: Spec,
    size_limit: Callable[[int], int] | None = None,
    *,
    in_worker: bool = False,
    keep_in: pathlib.Path | None = None,
) -> Observation:
    """Save and load the object of ``spec``, and return the observation.

    ``size_limit`` gives the bytes on disk that are allowed for so many bytes of values. With ``in_worker`` the example runs in a
    worker, whatever its procedure says. ``keep_in`` is a folder that is created to hold the files that a loader found.
    """
    if reason := context.format.unsupported(spec):
        return Observation(skipped=reason)
    procedure = procedure_for(spec)
    try:
        with context.fresh_path() as path:
            workspace = Workspace(context, path, size_limit, keep_in)
            try:
                return _run_where_placed(workspace, procedure, spec, in_worker)
            finally:
                _keep_the_rest(workspace)
    except (CannotBuild, CannotSerialize) as error:
        return Observation(skipped=str(error))
    except WorkerDied as died:
        return Observation(crashed=str(died))
    except EarlyResult as early:
        return early.observation


def _run_where_placed(workspace: Workspace, procedure: Procedure, spec: Spec, in_worker: bool) -> Observation:
    if procedure.placement is Placement.ACROSS_WORKERS:
        with workspace.context.settings():
            return procedure.function(workspace, spec)
    if in_worker or procedure.placement is Placement.IN_WORKER:
        keep_in = str(workspace.keep_in) if workspace.keep_in else None
        seconds = procedure.time_factor * workspace.format.time_limit
        arguments = (spec, str(workspace.path), workspace.size_limit, keep_in)
        found: Observation = workspace.remote.ask(run_here, *arguments, role=Role.PLAIN, memory=procedure.memory, seconds=seconds)
        return found
    return run_here(workspace.context, spec, workspace.path, workspace.size_limit, workspace.keep_in)


def run_here(
    context: Context,
    spec: Spec,
    path: pathlib.Path | str,
    size_limit: Callable[[int], int] | None,
    keep_in: pathlib.Path | str | None,
) -> Observation:
    """Run an example in this process, which may be a worker. Raise CannotBuild and EarlyResult."""
    workspace = Workspace(context, pathlib.Path(path), size_limit, pathlib.Path(keep_in) if keep_in else None)
    with context.scope():
        return procedure_for(spec).function(workspace, spec)


def _keep_the_rest(workspace: Workspace) -> None:
    """Keep the files that exist at the end, for a procedure that kept none at a better moment, or that did not get that far."""
    if workspace.keep_in is not None and not workspace.keep_in.exists() and any(workspace.folder.iterdir()):
        shutil.copytree(workspace.folder, workspace.keep_in, symlinks=True)
