"""The backends under test, and the test files that run in numpy's environment only."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
import subprocess

import pytest

import pytest_ckpt.strategies  # noqa: F401
from pytest_ckpt.backends import get_backend, installed_backends
from pytest_ckpt.workers import Worker

#: The framework of a tox environment. Its tests must run there, so a missing framework is an error and not a skip.
UNDER_TEST = os.environ.get("CKPT_TEST_BACKEND", "")

#: The backends that tests are parametrized over.
BACKENDS = (UNDER_TEST,) if UNDER_TEST else installed_backends()

#: Tests of code that does not depend on the framework. They run in numpy's environment only.
_WITHOUT_FRAMEWORK = [
    "test_broken_entry_points.py",
    "test_capture.py",
    "test_causes.py",
    "test_cli.py",
    "test_compare_records.py",
    "test_contents.py",
    "test_corruption.py",
    "test_crash_checks.py",
    "test_crash_model.py",
    "test_entry_points.py",
    "test_expectations.py",
    "test_exploration.py",
    "test_extra_checks.py",
    "test_filetypes.py",
    "test_imports.py",
    "test_isolation.py",
    "test_keep_files.py",
    "test_plugin.py",
    "test_regressions.py",
    "test_renamed.py",
    "test_runner.py",
    "test_specs.py",
    "test_util.py",
    "test_workers.py",
]
collect_ignore = _WITHOUT_FRAMEWORK if UNDER_TEST not in ("", "numpy") else []
for name in _WITHOUT_FRAMEWORK:
    assert pathlib.Path(__file__).with_name(name).exists(), f"tests/conftest.py names {name}, which does not exist; was it renamed?"

#: Of these, a framework's environment runs only the tests that have the backend as a parameter, or that skip without the framework.
_PARTLY_WITHOUT_FRAMEWORK = {
    "test_compare.py",
    "test_execution.py",
    "test_files.py",
    "test_fixtures.py",
    "test_readme.py",
    "test_roundtrip.py",
    "test_security.py",
    "test_strategies.py",
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that numpy's environment runs in the same way."""
    if UNDER_TEST in ("", "numpy"):
        return
    repeated = [item for item in items if item.path.name in _PARTLY_WITHOUT_FRAMEWORK and not _concerns_framework(item)]
    config.hook.pytest_deselected(items=repeated)
    items[:] = [item for item in items if item not in repeated]


def _concerns_framework(item: pytest.Item) -> bool:
    return UNDER_TEST in item.name or item.get_closest_marker("skipif") is not None


# A shell ignores SIGINT in a background job, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A pytest session that a test runs in this process removes the modules that it imported first from sys.modules when it ends.
# Import the backends and strategies here, so that they are not imported twice.
get_backend("numpy")

if "COVERAGE_PROCESS_CONFIG" in os.environ:
    # A worker that is killed loses its coverage data. Let it end by itself first.
    _kill = Worker.stop

    def _stop(worker: Worker) -> None:
        worker._questions.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.process.wait(2)
        _kill(worker)

    Worker.stop = _stop  # type: ignore[method-assign]
