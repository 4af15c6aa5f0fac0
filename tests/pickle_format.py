"""A numpy format of pickles, which preserves everything, for tests that change one thing about it."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

from pytest_ckpt import Format, check_format


def save_pickle(tree: Any, path: pathlib.Path) -> None:
    path.write_bytes(pickle.dumps(tree))


def load_pickle(path: pathlib.Path) -> Any:
    return pickle.loads(path.read_bytes())


def pickle_format(**fields: Any) -> Format:
    """Return the format, named "mine", with other values for ``fields``."""
    return Format(**{"name": "mine", "backend": "numpy", "save": save_pickle, "load": load_pickle, **fields})


def raise_error(error: BaseException) -> Any:
    """Raise ``error``, as an expression of a lambda."""
    raise error


def run_check(format: Format, check: str, **options: Any) -> Any:
    """Return the result of one check."""
    (result,) = check_format(format, select=[check], **options)
    return result
