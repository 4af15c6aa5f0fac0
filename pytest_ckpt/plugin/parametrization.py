"""Parametrizes tests over checks, backends and the objects of the fixtures, when pytest collects them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pytest

from .session import SESSION, Session

if TYPE_CHECKING:
    from ..formats.base import Format

#: The fixtures whose objects `fixture_objects` lists.
_OBJECT_FIXTURES = ("ckpt_tensor", "ckpt_list", "ckpt_dict", "ckpt_model")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    session = metafunc.config.stash[SESSION]
    names = set(metafunc.fixturenames) - _parametrized_by_user(metafunc)
    if "ckpt_backend" in names:
        metafunc.parametrize("ckpt_backend", session.settings.backends, indirect=True, scope="session")
    for fixture in names.intersection(_OBJECT_FIXTURES):
        from .fixture_objects import OBJECTS

        metafunc.parametrize(fixture, list(OBJECTS[fixture]), indirect=True)
    # The attribute that the decorator sets. The decorator's module is imported only by tests that use it.
    decorated = getattr(metafunc.function, "_ckpt_conformance", None)
    if decorated is not None:
        if "check" not in names:
            raise _collect_error(metafunc, "@conformance passes an argument named 'check' to the test, but the test does not take it")
        several = len(decorated.formats) > 1
        _parametrize(metafunc, "check", session, decorated.formats, (decorated.select, decorated.examples, decorated.seed), several)
    if "ckpt_check" in names:
        _parametrize(metafunc, "ckpt_check", session, [_overridden_format(metafunc)], (None, None, None), False)


def _parametrized_by_user(metafunc: pytest.Metafunc) -> set[str]:
    """Return the names of the arguments that the test's own ``parametrize`` marks set."""
    names: set[str] = set()
    for mark in metafunc.definition.iter_markers("parametrize"):
        if mark.args:
            arguments = mark.args[0].split(",") if isinstance(mark.args[0], str) else mark.args[0]
            names.update(name.strip() for name in arguments)
    return names


def _parametrize(
    metafunc: pytest.Metafunc,
    name: str,
    session: Session,
    formats: Iterable[Format],
    decorated: tuple[Any, Any, Any],
    several: bool,
) -> None:
    """Make one item for each check, or a skipped item if the options leave no check."""
    try:
        checks = session.bind_checks(formats, *decorated)
    except (ValueError, TypeError, ImportError) as error:
        raise _collect_error(metafunc, str(error)) from None
    ids = [f"{each.runner.format.name}-{each.check.name}" if several else each.check.name for each in checks]
    if checks:
        metafunc.parametrize(name, checks, ids=ids, indirect=name == "ckpt_check")
        return
    backends = ", ".join(sorted({format.backend for format in formats}))
    skip = pytest.mark.skip(reason=f"the options of this run select no check for the backend {backends}")
    metafunc.parametrize(name, [pytest.param(None, marks=skip, id="no-check")], indirect=name == "ckpt_check")


def _collect_error(metafunc: pytest.Metafunc, reason: str) -> Exception:
    return pytest.Collector.CollectError(f"{metafunc.definition.nodeid}: {reason}")


def _overridden_format(metafunc: pytest.Metafunc) -> Format:
    """Return what the project's own fixture ``ckpt_format`` returns. It is called here, because its checks become items."""
    from ..formats.base import Format

    manager = metafunc.config.pluginmanager.get_plugin("funcmanage")
    found = manager.getfixturedefs("ckpt_format", metafunc.definition) if manager else None
    if not found or len(found) < 2:
        raise _collect_error(metafunc, "ckpt_check needs a fixture ckpt_format in your conftest.py that returns a pytest_ckpt.Format")
    if found[-1].argnames:
        arguments = ", ".join(found[-1].argnames)
        raise _collect_error(metafunc, f"the fixture ckpt_format is called during collection, so it cannot request {arguments}")
    format = found[-1].func()
    if not isinstance(format, Format):
        raise _collect_error(metafunc, f"the fixture ckpt_format must return a pytest_ckpt.Format, not {type(format).__name__}")
    return format
