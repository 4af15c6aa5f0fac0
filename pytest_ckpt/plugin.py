"""pytest's hooks, options and fixtures. Nothing heavy is imported before a test asks for it."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import pathlib
import random
import shutil
import tempfile
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .formats.base import Format
    from .items import BoundCheck, Cell
    from .regressions import Known
    from .runner import Runner
    from .specs import Spec
    from .strategies import BackendStrategies


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("ckpt", "checkpoints that come back (pytest-ckpt)")
    group.addoption("--ckpt-backend", action="append", metavar="NAME", help="only this backend; may be repeated")
    group.addoption(
        "--ckpt-select", action="append", metavar="NAME",
        help="a family, check or glob to ask, with a leading '-' to leave out, 'all' for everything; may be repeated",
    )  # fmt: skip
    group.addoption("--ckpt-examples", type=int, metavar="N", help="examples to draw for each check beyond the fixed ones")
    group.addoption("--ckpt-seed", metavar="N", help="the seed of drawn examples (default 0), or 'random' for another each time")
    group.addoption("--ckpt-regressions", metavar="FILE", help="the file that keeps the counterexamples of earlier runs")
    group.addoption("--ckpt-update-regressions", action="store_true", help="write new counterexamples to that file")
    group.addoption("--ckpt-format", action="append", default=[], help=argparse.SUPPRESS)
    parser.addini("ckpt_backends", "backends that the fixtures use (default: all that are installed)", type="args", default=[])
    parser.addini("ckpt_select", "families, checks and globs to ask by default", type="args", default=[])
    parser.addini("ckpt_examples", "examples to draw for each check", default="")
    parser.addini("ckpt_regressions", "the file of counterexamples, relative to the ini file", default="")


class State:
    """What one pytest session knows: its settings, its runners, its folder, and the results so far."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.cells: list[Cell] = []
        self.idle: list[tuple[str, str, int]] = []
        self.written = 0
        self._stack = contextlib.ExitStack()
        self._runners: dict[Any, Runner] = {}
        self._folder: pathlib.Path | None = None
        self._known: Known | None = None
        self._numbers = itertools.count()

    def close(self) -> None:
        self._stack.close()

    @property
    def backends(self) -> list[str]:
        """The backends that were named, or all that are installed."""
        from .backends import installed_backends

        return self.named or list(installed_backends())

    @property
    def named(self) -> list[str]:
        return list(self.config.getoption("--ckpt-backend") or self.config.getini("ckpt_backends"))

    @property
    def examples(self) -> int | None:
        text = self.config.getini("ckpt_examples")
        given = self.config.getoption("--ckpt-examples")
        return given if given is not None else int(text) if text else None

    @property
    def regressions(self) -> pathlib.Path | None:
        given = self.config.getoption("--ckpt-regressions")
        if given:
            return self.config.invocation_params.dir / str(given)
        setting = self.config.getini("ckpt_regressions")
        return (self.config.inipath.parent if self.config.inipath else self.config.rootpath) / setting if setting else None

    def known(self, format: str) -> dict[str, list[Spec]]:
        """The counterexamples of earlier runs of a format, by check."""
        if self._known is None:
            from .regressions import read_regressions

            self._known = read_regressions(self.regressions) if self.regressions else {}
        return self._known.get(format, {})

    def bound(self, format: Format, select: Any, examples: int | None, seed: int | None) -> list[BoundCheck]:
        """The checks that are to be asked of a format: command line over decorator over settings over default."""
        from .backends import get_backend
        from .items import BoundCheck
        from .runner import Runner

        if self.config.getoption("--ckpt-backend") and format.backend not in self.named:
            return []
        get_backend(format.backend)
        option = self.config.getoption
        select = option("--ckpt-select") or (select if select is not None else self.config.getini("ckpt_select") or None)
        count = option("--ckpt-examples")
        count = count if count is not None else examples if examples is not None else self.examples
        chosen = option("--ckpt-seed")
        number = int(chosen) if chosen is not None else seed
        key = (id(format), tuple(select or ()), count, number)
        if key not in self._runners:
            runner = Runner(format, select, count, number, self.known(format.name))
            self._runners[key] = self._stack.enter_context(runner)
        runner = self._runners[key]
        return [BoundCheck(runner, check) for check in runner.checks]

    @property
    def folder(self) -> pathlib.Path:
        """A folder for the paths that fixtures give away; it is emptied after each test, and gone after the session."""
        if self._folder is None:
            self._folder = pathlib.Path(
                self._stack.enter_context(tempfile.TemporaryDirectory(prefix="pytest-ckpt-", ignore_cleanup_errors=True))
            )
        return self._folder

    def fresh_folder(self) -> pathlib.Path:
        folder = self.folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    def empty_folder(self) -> None:
        if self._folder is not None:
            for entry in self._folder.iterdir():
                shutil.rmtree(entry)


_STATE = pytest.StashKey[State]()


def pytest_configure(config: pytest.Config) -> None:
    state = config.stash[_STATE] = State(config)
    config.add_cleanup(state.close)
    if config.getoption("--ckpt-seed") == "random":
        config.option.ckpt_seed = str(random.SystemRandom().randrange(1 << 32))
    _check_settings(config, state)


def _check_settings(config: pytest.Config, state: State) -> None:
    """Wrong settings are said at once, with what is possible."""
    seed = config.getoption("--ckpt-seed")
    if seed is not None and not str(seed).isdigit():
        raise pytest.UsageError(f"--ckpt-seed takes a whole number or 'random', not {seed!r}")
    text = config.getini("ckpt_examples")
    if text and not str(text).isdigit():
        raise pytest.UsageError(f"ckpt_examples takes a number of examples, not {text!r}")
    if (count := config.getoption("--ckpt-examples")) is not None and count < 0:
        raise pytest.UsageError(f"--ckpt-examples takes a number of examples, 0 or more, not {count}")
    if config.getoption("--ckpt-update-regressions") and state.regressions is None:
        raise pytest.UsageError("--ckpt-update-regressions needs a file: give --ckpt-regressions, or set ckpt_regressions")
    try:
        for name in state.named:
            from .backends import BUILTIN, is_installed

            if not is_installed(name):
                raise ImportError(f"the backend {name!r} needs the package {BUILTIN[name][0]!r}: pip install 'pytest-ckpt[{name}]'")
        for name in [*(config.getoption("--ckpt-select") or []), *config.getini("ckpt_select")]:
            from .checks import check_pattern

            check_pattern(name.removeprefix("-"))
        if state.regressions is not None and state.regressions.exists():
            state.known("")
    except (ValueError, ImportError) as error:
        raise pytest.UsageError(str(error)) from None


def pytest_report_header(config: pytest.Config) -> list[str]:
    seed = config.getoption("--ckpt-seed")
    return [f"ckpt: seed {seed} (repeat with --ckpt-seed={seed})"] if seed is not None else []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    names = metafunc.fixturenames
    state = metafunc.config.stash[_STATE]
    if "ckpt_backend" in names:
        metafunc.parametrize("ckpt_backend", state.backends, indirect=True, scope="session")
    for fixture, specs in _SPECS.items():
        if fixture in names:
            metafunc.parametrize(fixture, list(specs), indirect=True)
    noted = getattr(metafunc.function, "_ckpt_conformance", None)
    if noted is not None:
        if "check" not in names:
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: @conformance gives the test an argument called check; it takes none")
        several = len(noted.formats) > 1
        checks = [each for format in noted.formats for each in state.bound(format, noted.select, noted.examples, noted.seed)]
        metafunc.parametrize("check", checks, ids=[_id(each, several) for each in checks])
    if "ckpt_check" in names:
        checks = state.bound(_overridden_format(metafunc), None, None, None)
        metafunc.parametrize("ckpt_check", checks, ids=[_id(each) for each in checks], indirect=True)


def _id(bound: BoundCheck, several: bool = False) -> str:
    return f"{bound.runner.format.name}-{bound.check.name}" if several else bound.check.name


def _overridden_format(metafunc: pytest.Metafunc) -> Format:
    """What the project's own fixture ``ckpt_format`` returns, which has to be known when tests are collected."""
    manager = metafunc.config.pluginmanager.get_plugin("funcmanage")
    found = manager.getfixturedefs("ckpt_format", metafunc.definition) if manager else None
    if not found or len(found) < 2:
        raise pytest.UsageError("ckpt_check needs a fixture ckpt_format in your conftest.py that returns a pytest_ckpt.Format")
    if found[-1].argnames:
        raise pytest.UsageError(f"the fixture ckpt_format can take no arguments, it takes {', '.join(found[-1].argnames)}")
    format: Format = found[-1].func()
    return format


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    params = getattr(getattr(item, "callspec", None), "params", {})
    bound = params.get("check") or params.get("ckpt_check")
    result = getattr(bound, "result", None)
    if call.when == "call" and result is not None and bound is not None and hasattr(bound, "runner"):
        from .items import PROPERTY, cell_of

        report.user_properties.append((PROPERTY, cell_of(bound.runner.format, result).text()))
        bound.result = None
    return report


def pytest_runtest_teardown(item: pytest.Item) -> None:
    item.config.stash[_STATE].empty_folder()


class _Summary:
    """Hooks of the process that sums up: the only one, or the one that pytest-xdist's workers report to."""

    def __init__(self, state: State) -> None:
        self.state = state

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when != "call" or not any(name == "ckpt" for name, _ in report.user_properties):
            return
        from .items import PROPERTY, Cell

        self.state.cells += [Cell.from_text(str(text)) for name, text in report.user_properties if name == PROPERTY]

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not self.state.cells:
            return
        from .items import idle_in

        self.state.idle = idle_in(self.state.cells)
        if self.state.idle and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if session.config.getoption("--ckpt-update-regressions") and self.state.regressions is not None:
            self.write(self.state.regressions)

    def write(self, path: pathlib.Path) -> None:
        from .regressions import merged, read_regressions, write_regressions

        cells = [cell for cell in self.state.cells if cell.failed and cell.counterexample is not None]
        found = [(cell.format, cell.check, cell.counterexample) for cell in cells if cell.counterexample is not None]
        if found:
            write_regressions(path, merged(read_regressions(path), found))
            self.state.written = len(found)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for format, pattern, count in self.state.idle:
            text = f"{format}: expected_failures[{pattern!r}] is idle: all {count} checks under it are kept; take it out"
            terminalreporter.write_line(f"FAILED {text}", red=True)
        if self.state.written:
            terminalreporter.write_line(f"ckpt: {self.state.written} counterexample(s) kept in {self.state.regressions}")
        if terminalreporter.config.getoption("--ckpt-format"):
            from .reports.terminal import summary

            for line in summary(self.state.cells):
                terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):
        session.config.pluginmanager.register(_Summary(session.config.stash[_STATE]), "ckpt-summary")


def _spec(name: str) -> Spec:
    """The spec that a parameter of ``ckpt_tensor``, ``ckpt_list`` or ``ckpt_dict`` names."""
    from .specs import DictSpec, Fill, ListSpec, TensorSpec

    def tensor(dtype: str, shape: tuple[int, ...], seed: int) -> TensorSpec:
        return TensorSpec(dtype, shape, fill=Fill(seed))

    floats, ints = tensor("float32", (2, 3), 1), tensor("int32", (4,), 2)
    special = TensorSpec("float32", (4,), fill=Fill(specials=((0, 0x80000000), (1, 0x7F800000), (2, 1), (3, 0x3F800000))))
    return {
        "float32-2x3": floats,
        "int32-4": ints,
        "special-values": special,
        "one": ListSpec((floats,)),
        "two-alike": ListSpec((floats, tensor("float32", (2, 3), 3))),
        "two-dtypes": ListSpec((ints, floats)),
        "flat": DictSpec((("x", ints), ("y", floats))),
        "dotted-names": DictSpec((("layer.weight", floats), ("layer.bias", special))),
    }[name]


_SPECS = {
    "ckpt_tensor": ("float32-2x3", "int32-4", "special-values"),
    "ckpt_list": ("one", "two-alike", "two-dtypes"),
    "ckpt_dict": ("flat", "dotted-names"),
}


def _build(backend: str, name: str) -> Any:
    from .backends import get_backend
    from .backends.trees import build_tree

    return build_tree(_spec(name), get_backend(backend))


@pytest.fixture(scope="session")
def ckpt_backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend; a test that asks for it runs once for each."""
    return str(request.param)


@pytest.fixture(scope="session")
def ckpt_strategies(ckpt_backend: str) -> BackendStrategies:
    """The strategies of the backend: ``data.draw(ckpt_strategies.tensors())``."""
    from .strategies import BackendStrategies

    return BackendStrategies(ckpt_backend)


@pytest.fixture(scope="session")
def ckpt_path(request: pytest.FixtureRequest) -> Callable[..., pathlib.Path]:
    """Called, a fresh path each time, in a folder that is emptied after the test; its last part may be given."""
    state = request.config.stash[_STATE]

    def fresh(name: str = "checkpoint") -> pathlib.Path:
        return state.fresh_folder() / name

    return fresh


@pytest.fixture(scope="session")
def ckpt_roundtrip(request: pytest.FixtureRequest) -> Callable[..., None]:
    """`pytest_ckpt.assert_roundtrip` in a folder that is emptied after the test."""
    state = request.config.stash[_STATE]

    def roundtrip(obj: Any, **options: Any) -> None:
        __tracebackhide__ = True
        from .roundtrip import assert_roundtrip

        assert_roundtrip(obj, folder=state.fresh_folder(), **options)

    return roundtrip


@pytest.fixture
def ckpt_tensor(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """A fresh tensor of the backend, one of a few."""
    return _build(ckpt_backend, request.param)


@pytest.fixture
def ckpt_list(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """A fresh list of tensors of the backend, one of a few."""
    return _build(ckpt_backend, request.param)


@pytest.fixture
def ckpt_dict(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """A fresh dict of tensors of the backend, one of a few."""
    return _build(ckpt_backend, request.param)


@pytest.fixture(scope="session")
def ckpt_format() -> Format:
    """The format that ``ckpt_check`` asks about; override it in your conftest.py."""
    raise pytest.UsageError("override the fixture ckpt_format in your conftest.py; it returns a pytest_ckpt.Format")


@pytest.fixture
def ckpt_check(request: pytest.FixtureRequest) -> BoundCheck:
    """One check of the project's ``ckpt_format``: call it. The test runs once for each check."""
    bound: BoundCheck = request.param
    return bound
