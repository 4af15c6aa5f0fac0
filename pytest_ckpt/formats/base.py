"""`Format`: a save and a load function under test, with their domain and their expected failures.

Knows no check and no framework.
"""

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
    """A save and a load function under test, with their domain and their expected failures.

    Required are a name, a backend (``"numpy"``, ``"torch"``, ``"tensorflow"``, ``"jax"``,
    ``"mxnet"``, or one from an entry point) and at least one of three pairs of functions:

    - ``save(tree, path)`` writes one checkpoint of a tree at ``path``, a `pathlib.Path` that ends in
      ``suffix`` (such as ``".npz"``, by default empty). ``load(path)`` returns the tree.
      With ``template=True`` it is ``load(path, template)``; the template has the structure of the
      saved tree and other values.
    - ``save_model(model, path)`` and ``load_model(path, model)`` save a model of the framework and
      load it into another model of the same class, or return the loaded model. With
      ``whole_model=True`` the loader is ``load_model(path) -> model``. Without this pair, the state
      of a model goes through ``save`` and ``load``.
    - ``save_training(run, path)`` and ``load_training(path, run)`` save a training run and load it
      into a fresh one. A run has the attributes ``model``, ``optimizer``, ``schedule`` and ``step``
      (an int), and the methods ``state() -> tree`` and ``restore(tree)``. Without this pair, its
      state goes through ``save`` and ``load``. Example::

          def save_training(run, path):
              torch.save({"model": run.model.state_dict(), "step": run.step}, path)

    The domain and the expected failures:

    - ``accepts`` is the domain of ``save``: ``"tensor"``, ``"list"`` or ``"dict"`` (flat, of
      tensors), or ``"tree"`` (any nesting, the default). Outside the domain, ``save`` may raise.
    - ``expected_failures`` maps names of checks, families or globs to `refused`, `changed` and the
      others, each with a reason: ``{"dtype/complex*": refused("the format has no complex numbers")}``.

    Optional functions and settings:

    - ``load_partial(path, model, names)`` loads only the tensors with these names (a list of str,
      such as ``["first.weight"]``) into the model and leaves the others unchanged. It enables the
      check ``mismatch/partial``.
    - ``wait(result)`` is called with the return value of ``save``, ``save_model`` or
      ``save_training`` before anything is loaded. For an asynchronous saver that returns a future:
      ``wait=lambda future: future.result()``.
    - ``context()`` returns a context manager that is active during every save and load, also in
      workers: ``context=torch.no_grad``.
    - ``update_checksums(path)`` recomputes the checksums of the checkpoint at ``path`` in place. The
      family ``security`` calls it after it has changed the bytes of a checkpoint, so that a checksum
      does not keep hostile bytes from the parser.
    - ``isolate=True`` runs every check in a worker process, for a library that may crash, exit or
      hang. Functions are sent to workers by cloudpickle.
    - ``time_limit`` is the number of seconds (default 60.0) that saving and loading one example may
      take in a worker. After that the worker is stopped and the verdict is CRASHED.

    Raises ValueError or TypeError, with the possible values, for a value that is not valid.
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
            raise ValueError(f"name must be a text that is not empty, not {self.name!r}")
        check_name(self.backend)
        if not isinstance(self.suffix, str):
            raise TypeError(f"format {self.name!r}: suffix must be a text such as '.npz', not {type(self.suffix).__name__}")
        if self.suffix and not self.suffix.startswith("."):
            raise ValueError(f"format {self.name!r}: suffix={self.suffix!r} must start with a dot: suffix={'.' + self.suffix!r}")
        if self.accepts not in DOMAINS:
            raise ValueError(f"format {self.name!r}: accepts={self.accepts!r} is not a domain: {nearest(self.accepts, DOMAINS)}")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if "Callable" in str(field.type) and value is not None and not callable(value):
                raise TypeError(f"format {self.name!r}: {field.name} must be a function, not {type(value).__name__}: {value!r}")
        for save, load in (("save", "load"), ("save_model", "load_model"), ("save_training", "load_training")):
            if (getattr(self, save) is None) != (getattr(self, load) is None):
                raise ValueError(f"format {self.name!r}: {save} and {load} must be given together, but only one is given")
        if not self.saves:
            raise ValueError(
                f"format {self.name!r} has no functions to test; give save and load, save_model and load_model, "
                "or save_training and load_training"
            )
        if self.whole_model and self.save_model is None:
            raise ValueError(f"format {self.name!r}: whole_model=True requires save_model and load_model")
        if self.load_partial is not None and self.save_model is None and self.save is None:
            raise ValueError(f"format {self.name!r}: load_partial requires save_model and load_model, or save and load")
        if not self.time_limit > 0:
            raise ValueError(f"format {self.name!r}: time_limit must be a number of seconds greater than 0, not {self.time_limit!r}")
        self._check_expectations()

    def _check_expectations(self) -> None:
        for name, entry in self.expected_failures.items():
            several = entry if isinstance(entry, list | tuple) else [entry]
            if not several or not all(isinstance(each, Expectation) for each in several):
                raise TypeError(
                    f"format {self.name!r}: expected_failures[{name!r}] must be costly, refused, converted, unreadable, crashed, changed "
                    f"or unsafe with a reason, such as refused('no complex numbers'), or a list of these, not {entry!r}"
                )

    def in_domain(self, spec: Spec) -> bool:
        """Return whether the object of a spec is in the domain of the format.

        A model or a training run is in the domain if the format has functions for it, or if its
        state, a dict or a tree, is in the domain.
        """
        if isinstance(spec, Mismatch | Scenario):
            return self.in_domain(spec.saved)
        if isinstance(spec, NarrowLoad):
            return self.in_domain(spec.tree)
        if isinstance(spec, ModelSpec | LoadInto | PartialLoad):
            model = spec if isinstance(spec, ModelSpec) else spec.saved
            # Extra state may be any object, so such a state is not a flat dict of tensors.
            flat = all(here.layer.kind != "extra-state" for here in model.all_layers())
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

    def unsupported(self, spec: Spec) -> str | None:
        """Return why the format has no function to save or load the object of a spec, or None if it has one."""
        if isinstance(spec, Scenario):
            return self.unsupported(spec.saved)
        saves = {ModelSpec: self.save_model, LoadInto: self.save_model, PartialLoad: self.save_model, TrainingSpec: self.save_training}
        if isinstance(spec, Mismatch) and isinstance(spec.target, ModelSpec):
            return None if self.save_model is not None else "the format has no save_model and no load_model"
        if saves.get(type(spec)) is not None:
            return None
        if self.save is None:
            return f"the format saves only {' and '.join(self.saves)}"
        if type(spec) in saves and not self.in_domain(spec):
            what = "the state of a training run is a tree" if isinstance(spec, TrainingSpec) else "the state of a model is a dict"
            return f"{what}, but the format has accepts={self.accepts!r}"
        return None

    def serialized(self) -> SerializedObject:
        """Return the format in the form in which it is sent to a worker. Raise `CannotSerialize` if that is impossible."""
        functions = [getattr(self, field.name) for field in dataclasses.fields(self) if callable(getattr(self, field.name))]
        return serialize(self, {getattr(function, "__module__", None) or "" for function in functions})

    def isolated(self) -> Format:
        """Return the same format with ``isolate=True``, or the format itself if it cannot be sent to a worker."""
        if self.isolate:
            return self
        try:
            self.serialized()
        except CannotSerialize:
            return self
        return dataclasses.replace(self, isolate=True)

    @property
    def saves(self) -> tuple[str, ...]:
        """The kinds of objects that the format has functions for, as text."""
        pairs = (("trees", self.save), ("models", self.save_model), ("training runs", self.save_training))
        return tuple(name for name, function in pairs if function is not None)


def _is_tensor(spec: Spec) -> bool:
    return isinstance(spec, TensorSpec | SameAs | ViewOf)
