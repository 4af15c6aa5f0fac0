"""The test module that `pytest-ckpt run` has pytest collect: every check of the formats that the command line names."""

from __future__ import annotations

import pytest

from pytest_ckpt.items import BoundCheck
from pytest_ckpt.marks import ATTRIBUTE, Conformance
from pytest_ckpt.targets import Target


def test_format(check: BoundCheck) -> None:
    check()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Hands the named formats to the plugin, as if `conformance` had named them."""
    targets = [Target.from_text(text) for text in metafunc.config.getoption("--ckpt-format")]
    formats = tuple(target.resolve() for target in targets)
    setattr(metafunc.function, ATTRIBUTE, Conformance(formats, None, None, None))
