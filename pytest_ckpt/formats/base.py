"""`Format`: a save and a load function under test, and what their author says of them. Knows no check and no framework."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from ..backends import check_name
from ..expectations import Expectation
from ..specs import DictSpec, ListSpec, ModelSpec, SameAs, Spec, TensorSpec, ViewOf, nearest

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
    manager that is held around saving and loading.

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
        if self.save is None and self.save_model is None:
            raise ValueError(f"format {self.name!r}: nothing to test; give save and load, or save_model and load_model")
        if self.whole_model and self.save_model is None:
            raise ValueError(f"format {self.name!r}: whole_model=True says how load_model works; give save_model and load_model")
        if self.isolate:
            raise ValueError(f"format {self.name!r}: isolate=True asks for worker processes, which this version does not have yet")
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
        """Whether the format says that it accepts such a tree; models are always accepted."""
        if isinstance(spec, ModelSpec) or self.accepts == "tree":
            return True
        if self.accepts == "tensor":
            return isinstance(spec, TensorSpec)
        if self.accepts == "list":
            return isinstance(spec, ListSpec) and all(map(_is_tensor, spec.items))
        return isinstance(spec, DictSpec) and not spec.ordered and all(isinstance(k, str) and _is_tensor(v) for k, v in spec.items)


def _is_tensor(spec: Spec) -> bool:
    return isinstance(spec, TensorSpec | SameAs | ViewOf)
