"""Formats named on a command line: a built-in name, ``module:object``, or a pair of functions by their names."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import json
import os
import sys
from typing import Any

from ..backends import get_backend
from ..formats import get_format
from ..formats.base import Format
from ..util.suggestions import nearest


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
    #: What the format needs and is not installed, so that it cannot be asked.
    missing: str = ""

    def text(self) -> str:
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Target:
        return cls(**json.loads(text))

    def arguments(self) -> list[str]:
        """The words of a command line that name the format."""
        if not self.save:
            return [self.name]
        words = [f"--save={self.save}", f"--load={self.load}", f"--backend={self.backend}"]
        words += [f"--accepts={self.accepts}"] if self.accepts != "tree" else []
        words += [f"--suffix={self.suffix}"] if self.suffix else []
        return [*words, "--template"] if self.template else words

    @functools.cache  # noqa: B019, a target is a value, and a command line names a few
    def resolve(self) -> Format:
        """The format. Raises ValueError, ImportError or TypeError, with what is possible."""
        if not self.save:
            found = load_object(self.name) if ":" in self.name else get_format(self.name)
            if not isinstance(found, Format):
                raise TypeError(f"{self.name} has to be a pytest_ckpt.Format, not {type(found).__name__}")
        else:
            found = Format(
                name=self.save.replace(":", "."),
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
    """The object that ``module:object`` names, the module looked for in the current folder first.

    Raises ValueError for another form, ImportError if it is not there. Importing writes nothing into the user's folders.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ValueError(f"{name!r} has to be module:object, as mylib.io:save")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        found: Any = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise ImportError(f"the module {module!r} of {name!r} cannot be imported: {type(error).__name__}: {error}") from error
    finally:
        sys.dont_write_bytecode = writes_none
    for step in attribute.split("."):
        if not hasattr(found, step):
            raise ImportError(
                f"the module {module!r} has no {attribute!r}: {nearest(step, [each for each in dir(found) if each[0] != '_'])}"
            )
        found = getattr(found, step)
    return found
