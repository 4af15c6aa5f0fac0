"""A format of pickles, which keeps everything of numpy's, and whatever a test makes of it."""

from __future__ import annotations

import pathlib
import pickle
from typing import Any

from pytest_ckpt import Format, check_format


def dump(tree: Any, path: pathlib.Path) -> None:
    path.write_bytes(pickle.dumps(tree))


def undump(path: pathlib.Path) -> Any:
    return pickle.loads(path.read_bytes())


def mine(**fields: Any) -> Format:
    return Format(**{"name": "mine", "backend": "numpy", "save": dump, "load": undump, **fields})


def raising(error: BaseException) -> Any:
    raise error


def asked(format: Format, check: str, **options: Any) -> Any:
    (result,) = check_format(format, select=[check], **options)
    return result
