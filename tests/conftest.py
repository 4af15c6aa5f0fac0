"""What all tests share: the backend under test, which a tox environment names, or else all that are installed."""

from __future__ import annotations

import os

import pytest_ckpt.strategies  # noqa: F401
from pytest_ckpt.backends import get_backend, installed_backends

#: The framework of this environment; its own tests must run there, so that none is skipped unseen.
UNDER_TEST = os.environ.get("CKPT_TEST_BACKEND", "")

#: numpy is always there, and is tested in every environment.
BACKENDS = tuple(dict.fromkeys(["numpy", UNDER_TEST])) if UNDER_TEST else installed_backends()

#: Where what happens to files and processes is asked, which takes longest: numpy's is, in the environment that is its own.
APART = tuple(name for name in BACKENDS if name == UNDER_TEST or not UNDER_TEST)

#: What knows no framework, and takes long, is tested in numpy's environment alone.
_OF_NO_FRAMEWORK = ("cli", "containers", "crash_checks", "crashes", "corruption", "isolation", "plugin", "workers")
collect_ignore = [f"test_{name}.py" for name in _OF_NO_FRAMEWORK] if UNDER_TEST not in ("", "numpy") else []

# A pytest session inside this process forgets, at its end, the modules that it was the first to import. What the package keeps
# hold of, backends and strategies, has to be there before, or there would be two of each.
get_backend("numpy")
