"""pytest's hooks, options and fixtures. Nothing heavy is imported before a test asks for it."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any

import pytest

from .session import Session
from .settings import Settings

if TYPE_CHECKING:
    from ..formats.base import Format
    from ..strategies import BackendStrategies
    from .bound_check import BoundCheck

#: Where the session stands in the stash of pytest's configuration.
SESSION = pytest.StashKey[Session]()
#: The name under which a report carries its result, from a worker of pytest-xdist to the process that sums up.
_RESULT = "ckpt_result"
#: The names under which the controller of pytest-xdist tells its workers where their folders go, and the seed that it drew:
#: they read the same command line anew.
_FOLDER, _SEED = "ckpt_folder", "ckpt_seed"
_SAMPLED = ("ckpt_tensor", "ckpt_list", "ckpt_dict", "ckpt_model")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ckpt", "checkpoints that come back (pytest-ckpt)")
    group.addoption("--ckpt-backend", action="append", metavar="NAME", help="only this backend; may be repeated")
    group.addoption(
        "--ckpt-select", action="append", metavar="NAME",
        help="a family, check or glob to ask; --ckpt-select=-NAME leaves out, 'all' is everything; may be repeated",
    )  # fmt: skip
    group.addoption("--ckpt-examples", type=int, metavar="N", help="examples to draw for each check beyond the fixed ones")
    group.addoption("--ckpt-seed", metavar="N", help="the seed of drawn examples (default 0), or 'random' for another each time")
    group.addoption("--ckpt-regressions", metavar="FILE", help="the file that keeps the counterexamples of earlier runs")
    group.addoption("--ckpt-keep-files", metavar="FOLDER", help="leave the damaged or half-written files there that show a failure")
    group.addoption("--ckpt-update-regressions", action="store_true", help="write new counterexamples to that file")
    parser.addini("ckpt_backends", "backends that the fixtures use (default: all that are installed)", type="args", default=[])
    parser.addini("ckpt_select", "families, checks and globs to ask by default", type="args", default=[])
    parser.addini("ckpt_examples", "examples to draw for each check", default="")
    parser.addini("ckpt_regressions", "the file of counterexamples, relative to the ini file", default="")


def pytest_configure(config: pytest.Config) -> None:
    worker = getattr(config, "workerinput", {})
    session = config.stash[SESSION] = Session(Settings(config, worker.get(_SEED)), worker.get(_FOLDER))
    config.add_cleanup(session.close)
    if not worker:
        config.pluginmanager.register(_Summary(session), "ckpt-summary")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """A worker of pytest-xdist may be killed, so its folder stands in that of the process that outlives it."""
    session = node.config.stash[SESSION]
    node.workerinput.update({_FOLDER: str(session.folder), _SEED: session.settings.option_seed})


def pytest_report_header(config: pytest.Config) -> list[str]:
    return _seed_lines(config.stash[SESSION].settings)


def _seed_lines(settings: Settings) -> list[str]:
    seed = settings.option_seed
    return [f"ckpt: seed {seed}{' (random; the same seed draws the same)' if settings.random else ''}"] if seed is not None else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    marks = [mark for mark in metafunc.definition.iter_markers("parametrize") if mark.args]
    given = {name.strip() for mark in marks for name in (mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0])}
    names = set(metafunc.fixturenames) - given
    session = metafunc.config.stash[SESSION]
    if "ckpt_backend" in names:
        metafunc.parametrize("ckpt_backend", session.settings.backends, indirect=True, scope="session")
    for fixture in names.intersection(_SAMPLED):
        from .samples import SAMPLES

        metafunc.parametrize(fixture, list(SAMPLES[fixture]), indirect=True)
    noted = getattr(metafunc.function, "_ckpt_conformance", None)
    if noted is not None:
        if "check" not in names:
            raise _cannot_collect(metafunc, "@conformance gives the test an argument called check; it takes none")
        several = len(noted.formats) > 1
        _parametrize(metafunc, "check", session, noted.formats, (noted.select, noted.examples, noted.seed), several)
    if "ckpt_check" in names:
        _parametrize(metafunc, "ckpt_check", session, [_overridden_format(metafunc)], (None, None, None), False)


def _parametrize(
    metafunc: pytest.Metafunc, name: str, session: Session, formats: Iterable[Format], decorated: tuple[Any, Any, Any], several: bool
) -> None:
    """One item for each check; one that is skipped where the command line leaves none to ask."""
    try:
        checks = session.bound(formats, *decorated)
    except (ValueError, TypeError, ImportError) as error:
        raise _cannot_collect(metafunc, str(error)) from None
    ids = [f"{each.runner.format.name}-{each.check.name}" if several else each.check.name for each in checks]
    if checks:
        metafunc.parametrize(name, checks, ids=ids, indirect=name == "ckpt_check")
        return
    backends = ", ".join(sorted({format.backend for format in formats}))
    nothing = pytest.mark.skip(reason=f"nothing of what this run selects can be asked here: the backend is {backends}")
    metafunc.parametrize(name, [pytest.param(None, marks=nothing, id="nothing-to-ask")], indirect=name == "ckpt_check")


def _cannot_collect(metafunc: pytest.Metafunc, why: str) -> Exception:
    return pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {why}")


def _overridden_format(metafunc: pytest.Metafunc) -> Format:
    """What the project's own fixture ``ckpt_format`` returns, which has to be known when tests are collected."""
    from ..formats.base import Format

    manager = metafunc.config.pluginmanager.get_plugin("funcmanage")
    found = manager.getfixturedefs("ckpt_format", metafunc.definition) if manager else None
    if not found or len(found) < 2:
        raise _cannot_collect(metafunc, "ckpt_check needs a fixture ckpt_format in your conftest.py that returns a pytest_ckpt.Format")
    if found[-1].argnames:
        arguments = ", ".join(found[-1].argnames)
        raise _cannot_collect(metafunc, f"the fixture ckpt_format is called when tests are collected, so it takes no {arguments}")
    format = found[-1].func()
    if not isinstance(format, Format):
        raise _cannot_collect(metafunc, f"the fixture ckpt_format has to return a pytest_ckpt.Format, not {type(format).__name__}")
    return format


def _bound(item: pytest.Item) -> BoundCheck | None:
    """The check that an item asks, if it is one of ours."""
    items = sys.modules.get("pytest_ckpt.plugin.bound_check")
    params = getattr(getattr(item, "callspec", None), "params", {})
    found = (params.get("check"), params.get("ckpt_check"), getattr(item, "bound", None))
    return next((each for each in found if items is not None and isinstance(each, items.BoundCheck)), None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    session, bound = item.config.stash[SESSION], _bound(item)
    if bound is not None:
        bound.result, bound.repeat = None, bound.repeat or session.repeat(item)
    with session.in_test():
        returned = yield
    if bound is not None and bound.result is None:
        pytest.fail(f"the test never called its check, so nothing was asked: {bound.check.name}", pytrace=False)
    return returned


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    bound = _bound(item)
    if call.when == "call" and bound is not None and bound.result is not None:
        setattr(report, _RESULT, json.dumps(bound.result.to_json()))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    try:
        yield
    finally:
        item.config.stash[SESSION].remove_folders_of_test()


class _Summary:
    """Hooks of the process that sums up: the only one, or the one that the workers of pytest-xdist report to."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if (text := getattr(report, _RESULT, None)) is not None:
            from ..results import Result

            nodeid = report.nodeid
            test = nodeid.split("[")[0] if "[" in nodeid else nodeid.rpartition("::")[0]
            self.session.results.append(dataclasses.replace(Result.from_json(json.loads(text)), test=test))

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.session.results:
            return
        from ..results import unused_patterns

        for unused in unused_patterns(self.session.results):
            name, file = f"{unused.test}[{unused.check}]", unused.test.split("::")[0]
            location = (file, None, name.split("::")[-1])
            report = pytest.TestReport(name, location, {}, "failed", str(unused), "call", duration=0.0)
            session.config.hook.pytest_runtest_logreport(report=report)
            if session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if self.session.settings.updates:
            self.session.write_regressions()

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        settings = self.session.settings
        lines = _seed_lines(settings) if settings.random else []
        if settings.updates and self.session.results:
            lines.append(f"ckpt: {self.session.written} new counterexample(s) written to {settings.regressions}")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def ckpt_backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend; a test that asks for it runs once for each."""
    return str(request.param)


@pytest.fixture(scope="session")
def ckpt_strategies(ckpt_backend: str) -> BackendStrategies:
    """The strategies of the backend: ``data.draw(ckpt_strategies.tensors())``."""
    from ..backends import get_backend
    from ..strategies import BackendStrategies

    get_backend(ckpt_backend)  # Imported while drawing, a framework that draws random numbers meanwhile makes Hypothesis warn.
    return BackendStrategies(ckpt_backend)


@pytest.fixture(scope="session")
def ckpt_path(request: pytest.FixtureRequest) -> Callable[..., pathlib.Path]:
    """Called, a fresh path each time, in a folder that is gone after the test; its last part may be given."""
    session = request.config.stash[SESSION]

    def fresh(name: str = "checkpoint") -> pathlib.Path:
        return session.fresh_folder() / name

    return fresh


@pytest.fixture(scope="session")
def ckpt_roundtrip(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`pytest_ckpt.assert_roundtrip` in a folder that is gone after the test."""
    session = request.config.stash[SESSION]

    def roundtrip(obj: Any, **options: Any) -> None:
        __tracebackhide__ = True
        from ..roundtrip.trees import assert_roundtrip

        assert_roundtrip(obj, folder=session.fresh_folder(), **options)

    return roundtrip


@pytest.fixture
def ckpt_tensor(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """A fresh tensor of the backend, one of a few."""
    return _sample(request, ckpt_backend)


@pytest.fixture
def ckpt_list(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """A fresh list of tensors of the backend, one of a few."""
    return _sample(request, ckpt_backend)


@pytest.fixture
def ckpt_dict(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """A fresh dict of tensors of the backend, one of a few."""
    return _sample(request, ckpt_backend)


@pytest.fixture
def ckpt_model(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """A fresh model of the backend, one of a few; numpy has none."""
    return _sample(request, ckpt_backend)


def _sample(request: pytest.FixtureRequest, backend: str) -> Any:
    from .samples import CannotBuild, build_sample

    try:
        return build_sample(str(request.fixturename), request.param, backend)
    except CannotBuild as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def ckpt_format() -> Format:
    """The format that ``ckpt_check`` asks about; override it in your conftest.py."""
    raise pytest.UsageError("override the fixture ckpt_format in your conftest.py; it returns a pytest_ckpt.Format")


@pytest.fixture
def ckpt_check(request: pytest.FixtureRequest) -> BoundCheck:
    """One check of the project's ``ckpt_format``: call it. The test runs once for each check."""
    bound: BoundCheck = request.param
    return bound
