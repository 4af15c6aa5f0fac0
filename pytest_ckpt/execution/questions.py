"""Functions that run in a worker: save, load and compare. Each receives the worker's context first."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from ..specs import Spec
from ..util.files import working_directory
from ..verdicts import Observation
from .context import Context
from .subject import compare_with_nearest


def save(context: Context, spec: Spec, path: str) -> None:
    """Save. Raise EarlyResult or CannotBuild."""
    with context.scope():
        context.subject(spec).save(pathlib.Path(path))


def load(context: Context, spec: Spec, path: str) -> Observation:
    """Load, and compare with the spec."""
    with context.scope():
        return context.subject(spec).observe(pathlib.Path(path))


def load_from_directory(context: Context, spec: Spec, path: str, directory: str) -> Observation:
    """Load with another current directory, and compare with the spec."""
    with working_directory(pathlib.Path(directory)):
        return load(context, spec, path)


def load_any(context: Context, specs: Sequence[Spec], path: str) -> Observation:
    """Load a checkpoint that may be any of several, and compare with the nearest."""
    with context.scope():
        return compare_with_nearest([context.subject(spec) for spec in specs], pathlib.Path(path))


def save_and_load(context: Context, spec: Spec, path: str) -> Observation:
    """Save, load, and compare with the spec. Raise EarlyResult."""
    with context.scope():
        subject = context.subject(spec)
        subject.save(pathlib.Path(path))
        return subject.observe(pathlib.Path(path))
