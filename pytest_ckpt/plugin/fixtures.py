"""The fixtures of the plugin."""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from .session import SESSION

if TYPE_CHECKING:
    from ..formats.base import Format
    from ..strategies import BackendStrategies
    from .bound_check import BoundCheck


@pytest.fixture(scope="session")
def ckpt_backend(request: pytest.FixtureRequest) -> str:
    """Return the name of a backend. A test that uses this fixture runs once for each backend."""
    return str(request.param)


@pytest.fixture(scope="session")
def ckpt_strategies(ckpt_backend: str) -> BackendStrategies:
    """Return the strategies of the backend, for example ``data.draw(ckpt_strategies.tensors())``."""
    from ..backends import get_backend
    from ..strategies import BackendStrategies

    # If a framework draws random numbers while it is imported during a draw, Hypothesis warns.
    # So import it before.
    get_backend(ckpt_backend)
    return BackendStrategies(ckpt_backend)


@pytest.fixture(scope="session")
def ckpt_path(request: pytest.FixtureRequest) -> Callable[..., pathlib.Path]:
    """Return a function that returns a fresh path on every call; its argument is the file name.

    The folder of the path is removed after the test.
    """
    session = request.config.stash[SESSION]

    def fresh_path(name: str = "checkpoint") -> pathlib.Path:
        return session.fresh_folder() / name

    return fresh_path


@pytest.fixture(scope="session")
def ckpt_roundtrip(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Return `pytest_ckpt.assert_roundtrip`, which saves to a folder that is removed after the test."""
    session = request.config.stash[SESSION]

    def roundtrip(obj: Any, **options: Any) -> None:
        __tracebackhide__ = True
        from ..roundtrip.trees import assert_roundtrip

        assert_roundtrip(obj, folder=session.fresh_folder(), **options)

    return roundtrip


@pytest.fixture
def ckpt_tensor(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """Return a new tensor of the backend. A test that uses this fixture runs once for each of a few tensors."""
    return _new_object(request, ckpt_backend)


@pytest.fixture
def ckpt_list(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """Return a new list of tensors of the backend. A test that uses this fixture runs once for each of a few lists."""
    return _new_object(request, ckpt_backend)


@pytest.fixture
def ckpt_dict(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """Return a new dict of tensors of the backend. A test that uses this fixture runs once for each of a few dicts."""
    return _new_object(request, ckpt_backend)


@pytest.fixture
def ckpt_model(request: pytest.FixtureRequest, ckpt_backend: str) -> Any:
    """Return a new model of the backend. A test that uses this fixture runs once for each of a few models.

    The test is skipped for a backend without models, such as numpy.
    """
    return _new_object(request, ckpt_backend)


def _new_object(request: pytest.FixtureRequest, backend: str) -> Any:
    from .fixture_objects import CannotBuild, build_object

    try:
        return build_object(str(request.fixturename), request.param, backend)
    except CannotBuild as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def ckpt_format() -> Format:
    """Return the format that ``ckpt_check`` checks. Override this fixture in your conftest.py."""
    raise pytest.UsageError("override the fixture ckpt_format in your conftest.py; it must return a pytest_ckpt.Format")


@pytest.fixture
def ckpt_check(request: pytest.FixtureRequest) -> BoundCheck:
    """Return one check of the project's ``ckpt_format``; call it to run the check. The test runs once for each check."""
    bound: BoundCheck = request.param
    return bound
