"""The pytest plugin: its hooks, options and fixtures. Loading it imports no framework, no numpy and no hypothesis."""

from .fixtures import (
    ckpt_backend,
    ckpt_check,
    ckpt_dict,
    ckpt_format,
    ckpt_list,
    ckpt_model,
    ckpt_path,
    ckpt_roundtrip,
    ckpt_strategies,
    ckpt_tensor,
)
from .hooks import (
    pytest_configure,
    pytest_configure_node,
    pytest_report_header,
    pytest_runtest_call,
    pytest_runtest_makereport,
    pytest_runtest_teardown,
    pytest_sessionfinish,
)
from .options import pytest_addoption
from .parametrization import pytest_generate_tests

__all__ = [
    "ckpt_backend",
    "ckpt_check",
    "ckpt_dict",
    "ckpt_format",
    "ckpt_list",
    "ckpt_model",
    "ckpt_path",
    "ckpt_roundtrip",
    "ckpt_strategies",
    "ckpt_tensor",
    "pytest_addoption",
    "pytest_configure",
    "pytest_configure_node",
    "pytest_generate_tests",
    "pytest_report_header",
    "pytest_runtest_call",
    "pytest_runtest_makereport",
    "pytest_runtest_teardown",
    "pytest_sessionfinish",
]
