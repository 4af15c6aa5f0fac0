"""Tests of the helpers that every part of the package may use."""

from __future__ import annotations

import os
import pathlib

import pytest

from pytest_ckpt.util.files import files_below, remove, walk_paths, working_directory
from pytest_ckpt.util.sampling import evenly_spaced
from pytest_ckpt.util.suggestions import nearest
from pytest_ckpt.util.versions import installed_version


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """Return a folder that holds a file, a folder with a file, a link to each, and a link to nothing."""
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    (folder / "file").write_bytes(b"1")
    (folder / "sub" / "inner").write_bytes(b"2")
    (folder / "to-file").symlink_to("file")
    (folder / "to-sub").symlink_to("sub")
    (folder / "to-nothing").symlink_to("nothing")
    return folder


def test_evenly_spaced_includes_first_and_last() -> None:
    assert evenly_spaced(range(10), 20) == list(range(10))
    assert evenly_spaced(range(101), 3) == [0, 50, 100]
    assert evenly_spaced(range(10), 1) == [5]
    assert evenly_spaced([], 3) == []


def test_nearest_suggests_similar_name_or_lists_all() -> None:
    assert nearest("flaot32", ["float32", "int8"]) == "did you mean 'float32'?"
    assert nearest("x", ["float32", "int8"]) == "expected one of: float32, int8"


def test_installed_version_accepts_distribution_and_package() -> None:
    assert installed_version("pytest") == installed_version("_pytest") == pytest.__version__
    assert installed_version("no-such-distribution") is None


def test_walk_paths_yields_links_without_following(folder: pathlib.Path) -> None:
    names = [path.relative_to(folder).as_posix() for path in walk_paths(folder)]
    assert names == [".", "file", "sub", "sub/inner", "to-file", "to-nothing", "to-sub"]
    assert list(walk_paths(folder / "file")) == [folder / "file"]


def test_files_below_returns_only_files(folder: pathlib.Path) -> None:
    assert [path.name for path in files_below(folder)] == ["file", "inner", "to-file"]
    assert files_below(folder / "missing") == []


@pytest.mark.parametrize("name", ["file", "sub", "to-file", "to-sub", "to-nothing", "missing"])
def test_remove_removes_only_its_path(folder: pathlib.Path, name: str) -> None:
    others = {path for path in folder.iterdir() if path.name != name}
    remove(folder / name)
    assert set(folder.iterdir()) == others


def test_working_directory_is_restored_after_rename(tmp_path: pathlib.Path) -> None:
    before = pathlib.Path.cwd()
    (tmp_path / "outer").mkdir()
    with working_directory(tmp_path / "outer"):
        with working_directory(tmp_path):
            (tmp_path / "outer").rename(tmp_path / "renamed")
        assert pathlib.Path.cwd() == tmp_path / "renamed"
    assert pathlib.Path.cwd() == before


def test_working_directory_is_restored_after_closed_descriptor(tmp_path: pathlib.Path) -> None:
    before = pathlib.Path.cwd()
    with working_directory(tmp_path):
        opened = [int(name) for name in os.listdir("/proc/self/fd")]
        for number in opened:
            try:
                if number > 2 and os.readlink(f"/proc/self/fd/{number}") == str(before):
                    os.close(number)
            except OSError:
                continue
    assert pathlib.Path.cwd() == before
