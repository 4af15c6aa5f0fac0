"""`Format`: a save and a load function under test, and what their author says of them. Knows no check and no framework."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ..backends import check_name
from ..expectations import Expectation
from ..specs import (
    DictSpec,
    ListSpec,
    LoadInto,
    Mismatch,
    ModelSpec,
    NarrowLoad,
    PartialLoad,
    SameAs,
    Scenario,
    Spec,
    TensorSpec,
    TrainingSpec,
    ViewOf,
)
from ..util.suggestions import nearest
from ..workers import CannotSerialize, SerializedObject, serialize

DOMAINS = ("tensor", "list", "dict", "tree")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Format:
    """A pair of functions that save and load, and what is known about them.

    ``save(tree, path)`` writes one checkpoint at ``path`` (a `pathlib.Path`, ending in ``suffix``); ``load(path)``
    returns the tree, or with ``template=True`` ``load(path, template)``, where the template is a tree of the same
    structure with other values. ``accepts`` is the domain: "tensor", "list" or "dict" (flat, of tensors), or "tree".

    ``save_model(model, path)`` and ``load_model(path, model)`` save a framework's own model; without them a model's
    state goes through ``save`` and ``load``. With ``whole_model=True`` it is ``load_model(path) -> model``.
    ``wait(result)`` is called with what saving returned before anything is loaded. ``context()`` gives a context
    manager that is held around saving and loading. ``load_partial(path, model, names)`` loads only the tensors called ``names``
    into a model. ``save_training(run, path)`` and ``load_training(path, run)`` save a training run, an object with ``model``,
    ``optimizer``, ``schedule``, ``step``, ``state()`` and ``restore(tree)``; without them its state goes through ``save`` and ``load``.

    ``isolate=True`` asks every check in a worker, a process of its own that may crash, exit or hang for more than ``time_limit``
    seconds a save and load. ``update_checksums(path)`` makes the checksums of a checkpoint right again after its bytes were changed.
    Functions go to workers by cloudpickle.

    Raises ValueError or TypeError, with what is possible, for what cannot be a format.
    """

    name: str
    backend: str
    save: Callable[[Any, Any], Any] | None = None
    load: Callable[..., Any] | None = None
    accepts: str = "tree"
    expected_failures: Mapping[str, Expectation | list[Expectation] | tuple[Expectation, ...]] = dataclasses.field(default_factory=dict)
    template: bool = False
    suffix: str = ""
    save_model: Callable[[Any, Any], Any] | None = None
    load_model: Callable[..., Any] | None = None
    whole_model: bool = False
    load_partial: Callable[..., Any] | None = None
    save_training: Callable[[Any, Any], Any] | None = None
    load_training: Callable[..., Any] | None = None
    wait: Callable[[Any], Any] | None = None
    context: Callable[[], contextlib.AbstractContextManager[Any]] | None = None
    isolate: bool = False
    time_limit: float = 60.0
    update_checksums: Callable[[Any], Any] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ValueError(f"a format needs a name, not {self.name!r}")
        check_name(self.backend)
        if self.accepts not in DOMAINS:
            raise ValueError(f"format {self.name!r}: unknown domain accepts={self.accepts!r}: {nearest(self.accepts, DOMAINS)}")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "Callable" in str(field.type) and value is not None and not callable(value):
                raise TypeError(f"format {self.name!r}: {field.name} has to be a function, not {type(value).__name__}: {value!r}")
        for save, load in (("save", "load"), ("save_model", "load_model"), ("save_training", "load_training")):
            if (getattr(self, save) is None) != (getattr(self, load) is None):
                raise ValueError(f"format {self.name!r}: {save} and {load} come together; only one is given")
        if not self.saves:
            raise ValueError(
                f"format {self.name!r}: nothing to test; give save and load, save_model and load_model, or save_training and load_training"
            )
        if self.whole_model and self.save_model is None:
            raise ValueError(f"format {self.name!r}: whole_model=True says how load_model works; give save_model and load_model")
        if self.load_partial is not None and self.save_model is None and self.save is None:
            raise ValueError(f"format {self.name!r}: load_partial loads a part of a model; give save_model as well")
        if not self.time_limit > 0:
            raise ValueError(f"format {self.name!r}: time_limit is a number of seconds above zero, not {self.time_limit!r}")
        self._check_expectations()

    def _check_expectations(self) -> None:
        for name, entry in self.expected_failures.items():
            several = entry if isinstance(entry, list | tuple) else [entry]
            if not several or not all(isinstance(each, Expectation) for each in several):
                raise TypeError(
                    f"format {self.name!r}: expected_failures[{name!r}] has to be one of costly, refused, converted, unreadable, "
                    f"crashed, changed, unsafe with a reason, as refused('no complex numbers'), not {entry!r}"
                )

    def in_domain(self, spec: Spec) -> bool:
        """Whether the format says that it accepts such a tree. Models and runs are accepted where there are functions for them;
        otherwise their state, a dict or a tree, has to be."""
        if isinstance(spec, Mismatch | Scenario):
            return self.in_domain(spec.saved)
        if isinstance(spec, NarrowLoad):
            return self.in_domain(spec.tree)
        if isinstance(spec, ModelSpec | LoadInto | PartialLoad):
            model = spec if isinstance(spec, ModelSpec) else spec.saved
            # Extra state may be anything, and not a tensor.
            flat = all(here.layer.kind != "extra-state" for here in model.every())
            return self.save_model is not None or self.accepts == "tree" or (self.accepts == "dict" and flat)
        if isinstance(spec, TrainingSpec):
            return self.save_training is not None or self.accepts == "tree"
        if self.accepts == "tree":
            return True
        if self.accepts == "tensor":
            return isinstance(spec, TensorSpec)
        if self.accepts == "list":
            return isinstance(spec, ListSpec) and all(map(_is_tensor, spec.items))
        return isinstance(spec, DictSpec) and not spec.ordered and all(isinstance(k, str) and _is_tensor(v) for k, v in spec.items)

    def cannot_ask(self, spec: Spec) -> str | None:
        """Why nothing can be asked about such a spec, for want of a function to save or load it with; None if it can."""
        if isinstance(spec, Scenario):
            return self.cannot_ask(spec.saved)
        saves = {ModelSpec: self.save_model, LoadInto: self.save_model, PartialLoad: self.save_model, TrainingSpec: self.save_training}
        if isinstance(spec, Mismatch) and isinstance(spec.target, ModelSpec):
            return None if self.save_model is not None else "the format has no save_model and load_model"
        if saves.get(type(spec)) is not None:
            return None
        if self.save is None:
            return f"the format saves {' and '.join(self.saves)} and nothing else"
        if type(spec) in saves and not self.in_domain(spec):
            what = "a run's state is a tree" if isinstance(spec, TrainingSpec) else "a model's state is a dict"
            return f"{what}, and the format accepts {self.accepts!r}"
        return None

    def serialized(self) -> SerializedObject:
        """Return the format in the form in which it is sent to a worker. Raise `CannotSerialize` if that is impossible."""
        functions = [getattr(self, field.name) for field in dataclasses.fields(self) if callable(getattr(self, field.name))]
        return serialize(self, {getattr(function, "__module__", None) or "" for function in functions})

    def isolated(self) -> Format:
        """The same format with ``isolate=True``; itself where it cannot be sent to a worker."""
        if self.isolate:
            return self
        try:
            self.serialized()
        except CannotSerialize:
            return self
        return dataclasses.replace(self, isolate=True)

    @property
    def saves(self) -> tuple[str, ...]:
        """What there are functions for, in words."""
        pairs = (("trees", self.save), ("models", self.save_model), ("training runs", self.save_training))
        return tuple(name for name, function in pairs if function is not None)


def _is_tensor(spec: Spec) -> bool:
    return isinstance(spec, TensorSpec | SameAs | ViewOf)
