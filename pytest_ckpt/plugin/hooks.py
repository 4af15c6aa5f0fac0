"""The hooks that run checks, and that carry results from the workers of pytest-xdist to the controller."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import pytest

from ..util.entry_points import EntryPointWarning, load_failures
from .session import SESSION, Session
from .settings import Settings
from .summary import FAILURES, RESULT, Summary, seed_lines

if TYPE_CHECKING:
    from .bound_check import BoundCheck

# The workers of pytest-xdist parse the same command line again. The controller sends them, under
# these keys, the folder for their files and the seed that it drew.
_FOLDER, _SEED = "ckpt_folder", "ckpt_seed"


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", {})
    # The summary reports entry points that cannot be loaded, so a warning would repeat it.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EntryPointWarning)
        settings = Settings(config, worker.get(_SEED))
    session = config.stash[SESSION] = Session(settings, worker.get(_FOLDER))
    config.add_cleanup(session.close)
    config.addinivalue_line("filterwarnings", "ignore::pytest_ckpt.util.entry_points.EntryPointWarning")
    if not worker:
        config.pluginmanager.register(Summary(session), "ckpt-summary")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Send a worker of pytest-xdist its folder, inside that of the controller: a worker may be killed, and then cannot clean up."""
    session = node.config.stash[SESSION]
    node.workerinput.update({_FOLDER: str(session.folder), _SEED: session.settings.option_seed})


def pytest_report_header(config: pytest.Config) -> list[str]:
    return seed_lines(config.stash[SESSION].settings)


def _bound_check(item: pytest.Item) -> BoundCheck | None:
    """Return the check that an item runs, or None for an item of another kind. Nothing is imported to find out."""
    module = sys.modules.get("pytest_ckpt.plugin.bound_check")
    params = getattr(getattr(item, "callspec", None), "params", {})
    found = (params.get("check"), params.get("ckpt_check"), getattr(item, "bound", None))
    return next((each for each in found if module is not None and isinstance(each, module.BoundCheck)), None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    session, bound = item.config.stash[SESSION], _bound_check(item)
    if bound is not None:
        bound.result = None
        if not hasattr(item, "bound"):  # An item of the command line has its own command. Other items may share a check.
            bound.rerun = session.rerun_command(item)
    with session.in_test():
        returned = yield
    if bound is not None and bound.result is None:
        pytest.fail(f"the test never called check(), so no check ran: {bound.check.name}", pytrace=False)
    return returned


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    bound = _bound_check(item)
    if call.when == "call" and bound is not None and bound.result is not None:
        # A report travels from a worker of pytest-xdist as simple values.
        setattr(report, RESULT, json.dumps(bound.result.to_json()))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    try:
        yield
    finally:
        item.config.stash[SESSION].remove_test_folders()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In a worker of pytest-xdist, send the controller the entry points that could not be loaded."""
    if (output := getattr(session.config, "workeroutput", None)) is not None:
        output[FAILURES] = [str(failure) for failure in load_failures()]
