"""Formats named on a command line: by a built-in name, by ``module:object``, or by a pair of functions."""

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
    """A format as the command line names it. Unlike the format, it can be sent to other processes as text."""

    name: str = ""
    save: str = ""
    load: str = ""
    backend: str = ""
    accepts: str = "tree"
    suffix: str = ""
    template: bool = False
    #: Why the format cannot run, for example a package that is not installed; empty if it can.
    missing: str = ""

    def to_text(self) -> str:
        """Return the target as JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_text(cls, text: str) -> Target:
        """Return the target that `to_text` wrote."""
        return cls(**json.loads(text))

    def arguments(self) -> list[str]:
        """Return the arguments of a command line that name the format."""
        if not self.save:
            return [self.name]
        arguments = [f"--save={self.save}", f"--load={self.load}", f"--backend={self.backend}"]
        arguments += [f"--accepts={self.accepts}"] if self.accepts != "tree" else []
        arguments += [f"--suffix={self.suffix}"] if self.suffix else []
        return [*arguments, "--template"] if self.template else arguments

    @functools.cache  # noqa: B019, targets are few and live as long as the process
    def resolve(self) -> Format:
        """Return the format, with its framework imported. Raises ValueError, ImportError or TypeError."""
        if not self.save:
            found = load_object(self.name) if ":" in self.name else get_format(self.name)
            if not isinstance(found, Format):
                raise TypeError(f"{self.name} must be a pytest_ckpt.Format, not {type(found).__name__}")
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
    """Return the object that ``module:object`` names. The module is searched in the current folder first.

    The import writes no bytecode, so it leaves no files in the user's folders. Raises ValueError if
    ``name`` has another form, and ImportError if the module or the object does not exist.
    """
    module, _, attribute = name.partition(":")
    if not module or not attribute:
        raise ValueError(f"{name!r} must have the form module:object, for example mylib.io:save")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    setting, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        found: Any = importlib.import_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise ImportError(f"cannot import the module {module!r} of {name!r}: {type(error).__name__}: {error}") from error
    finally:
        sys.dont_write_bytecode = setting
    for step in attribute.split("."):
        if not hasattr(found, step):
            public = [each for each in dir(found) if each[0] != "_"]
            raise ImportError(f"the module {module!r} has no {attribute!r}: {nearest(step, public)}")
        found = getattr(found, step)
    return found
