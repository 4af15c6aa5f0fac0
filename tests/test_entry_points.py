"""Entry points of other distributions: one that cannot be loaded is reported once, and the rest works."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Iterator

import pytest

from pytest_ckpt.util import entry_points as module
from pytest_ckpt.util.entry_points import EntryPointError, EntryPointWarning, entry_points, load_entry_point, load_failures


def install(folder: pathlib.Path, name: str, entry_points: str, **modules: str) -> None:
    """Write a distribution called ``name`` into ``folder``: its modules, and metadata with ``entry_points``."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(entry_points)
    for module_name, source in modules.items():
        (folder / f"{module_name}.py").write_text(source)


@pytest.fixture
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Iterator[None]:
    """Make ``tmp_path`` importable, and forget afterwards what the test has loaded."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(module, "_failures", {})
    entry_points.cache_clear()
    yield
    entry_points.cache_clear()


@pytest.mark.usefixtures("_isolated")
def test_failing_entry_point_is_reported_once(tmp_path: pathlib.Path) -> None:
    group = "pytest_ckpt.tests"
    install(
        tmp_path, "broken-plugin", f"[{group}]\nworks = plugin_fine:NUMBER\nbroken = plugin_broken:NUMBER\nwrong = plugin_fine:NOTHING\n",
        plugin_fine="NUMBER = 7\n", plugin_broken="import no_such_module\n",
    )  # fmt: skip
    assert list(entry_points(group)) == ["broken", "works", "wrong"]
    assert load_entry_point(group, "works") == 7
    for name, error in (("broken", "ModuleNotFoundError: No module named 'no_such_module'"), ("wrong", "AttributeError: .*NOTHING")):
        with (
            pytest.warns(EntryPointWarning, match=rf"'{name}' of the group '{group}' cannot be loaded: {error}"),
            pytest.raises(EntryPointError),
        ):
            load_entry_point(group, name)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(EntryPointError, match=error):
                load_entry_point(group, name)
    assert [(failure.group, failure.name) for failure in load_failures()] == [(group, "broken"), (group, "wrong")]
