"""Formats named on a command line: a built-in name, ``module:object``, or a pair of functions by their names."""

from __future__ import annotations

import dataclasses
import importlib
import json
from typing import Any

from .backends import get_backend
from .formats import get_format
from .formats.base import Format


@dataclasses.dataclass(frozen=True)
class Target:
    """A format as the command line names it, in a form that travels as text to other processes."""

    name: str = ""
    save: str = ""
    load: str = ""
    backend: str = ""
    accepts: str = "tree"
    suffix: str = ""
    template: bool = False

    def text(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Target:
        return cls(**json.loads(text))

    def resolve(self) -> Format:
        """The format. Raises ValueError, ImportError or TypeError, with what is possible."""
        if not self.save:
            found = load_object(self.name) if ":" in self.name else get_format(self.name)
            if not isinstance(found, Format):
                raise TypeError(f"{self.name} has to be a pytest_ckpt.Format, not {type(found).__name__}")
        else:
            found = Format(
                name=self.name or self.save.replace(":", "."),
                backend=self.backend,
                save=load_object(self.save),
                load=load_object(self.load),
                accepts=self.accepts,
                suffix=self.suffix,
                template=self.template,
            )
        get_backend(found.backend)
        return found


def load_object(name: str) -> Any:
    """The object that ``module:object`` names. Raises ValueError for another form, ImportError if it is not there."""
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ValueError(f"{name!r} has to be module:object, as mylib.io:save")
    found: Any = importlib.import_module(module)
    for step in attribute.split("."):
        if not hasattr(found, step):
            raise ImportError(f"the module {module!r} has no {attribute!r}")
        found = getattr(found, step)
    return found
