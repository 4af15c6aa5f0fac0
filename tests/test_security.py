"""Hostile files: what they do stays in the test's own folder, and careful loaders are not blamed."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import pathlib
import struct
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, check_format
from pytest_ckpt.verdicts import Verdict

from .conftest import UNDER_TEST
from .faults import code
from .faults import security as faults
from .faults.sealed import decode, encode, sealed_format, unseal

#: Which verdict each fault has to get.
VERDICTS = {"code": Verdict.UNSAFE, "escape": Verdict.UNSAFE, "bomb": Verdict.CRASHED, "overlap": Verdict.CHANGED}


def _verdict(format: Format, check: str) -> Verdict | None:
    (result,) = check_format(format, select=[check])
    assert result.skipped is None
    return result.verdict


@pytest.mark.parametrize("case", ["code", "escape", "overlap"])
def test_faults_get_the_verdict_that_says_what_they_are(case: str) -> None:
    found = {name: _verdict(format, f"security/{case}") for name, format in faults.faults(case, "numpy").items()}
    assert found == dict.fromkeys(found, VERDICTS[case])


@pytest.mark.parametrize("name", ["length-trusted", "inflated", "nested-without-end"])
def test_bombs_that_go_off_are_crashes(name: str) -> None:
    assert _verdict(faults.faults("bomb", "numpy")[name], "security/bomb") is Verdict.CRASHED


def _standing(folder: pathlib.Path) -> dict[str, int]:
    return {entry.relative_to(folder).as_posix(): entry.lstat().st_mtime_ns for entry in folder.rglob("*")}


@pytest.mark.parametrize("name", ["unpacked-by-name", "links-followed", "untarred", "files-named"])
def test_hostile_files_do_nothing_outside_of_the_folder_of_the_test(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the test is inside of the one for temporary files, which is watched, and so is the current one."""
    temporary, current = tmp_path / "temporary", tmp_path / "current"
    temporary.mkdir()
    current.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", os.fspath(temporary))
    monkeypatch.setenv("TMPDIR", os.fspath(temporary))
    monkeypatch.chdir(current)
    before = _standing(tmp_path)
    assert _verdict(faults.faults("escape", "numpy")[name], "security/escape") is Verdict.UNSAFE
    after = _standing(tmp_path)
    assert after.keys() == before.keys()


def test_code_that_ran_in_a_file_leaves_nothing_behind(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", os.fspath(tmp_path))
    assert _verdict(code.unpickled("numpy"), "security/code") is Verdict.UNSAFE
    assert list(tmp_path.iterdir()) == []


def test_code_counts_that_ran_before_loading_raised() -> None:
    """What a hostile pickle returns is no checkpoint, so loading always raises."""
    (result,) = check_format(code.unpickled("numpy"), select=["security/code"])
    assert result.verdict is Verdict.UNSAFE
    assert "loading ran the code in the file" in result.detail
    assert result.counterexample is not None
    assert "calls os.mkdir" in repr(result.counterexample)


def test_behind_a_checksum_hostile_bytes_need_the_checksum_to_be_right() -> None:
    format = code.unpickled_behind_a_checksum("numpy")
    assert _verdict(format, "security/code") is Verdict.UNSAFE
    assert _verdict(dataclasses.replace(format, update_checksums=None), "security/code") is Verdict.KEPT


def test_a_function_that_cannot_update_the_checksums_of_a_hostile_file_is_no_fault() -> None:
    def refuse(path: pathlib.Path) -> None:
        raise ValueError("not one of ours")

    format = dataclasses.replace(sealed_format("numpy"), update_checksums=refuse)
    results = check_format(format, select=["security"])
    assert [str(result) for result in results if not result.passed] == []


# --- careful loaders -----------------------------------------------------------------------------------------------------------------


def _careful(write: Callable[[pathlib.Path, bytes], Any], found: Callable[[pathlib.Path], bytes], **more: Any) -> Format:
    def save(tree: Any, path: pathlib.Path) -> None:
        write(path, encode("numpy", tree))

    def load(path: pathlib.Path) -> Any:
        return decode("numpy", unseal(found(path)))

    return Format(name="careful", backend="numpy", save=save, load=load, accepts="dict", **more)


def _in_zip(path: pathlib.Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data", data)


def _in_tar(path: pathlib.Path, data: bytes) -> None:
    source = path.with_name(f"{path.name}.new")
    source.write_bytes(data)
    with tarfile.open(path, "w") as archive:
        archive.add(source, "archive/data")
    source.unlink()


def _unzipped(path: pathlib.Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        archive.extractall(folder)  # drops what leads out of names
        return pathlib.Path(folder, "archive/data").read_bytes()


def _unzipped_beside(path: pathlib.Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.parent)
    return path.with_name("archive").joinpath("data").read_bytes()


def _only_what_is_known(path: pathlib.Path) -> bytes:
    """Members of one folder alone are unpacked, into a new one, by their last names."""
    folder = path.with_name("unpacked")
    folder.mkdir()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("archive/"):
                folder.joinpath(name.split("/")[-1]).write_bytes(archive.read(name))
    return folder.joinpath("data").read_bytes()


def _untarred(path: pathlib.Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
        return pathlib.Path(folder, "archive/data").read_bytes()


@pytest.mark.parametrize(
    ("write", "found"),
    [(_in_zip, _unzipped), (_in_zip, _unzipped_beside), (_in_zip, _only_what_is_known), (_in_tar, _untarred)],
    ids=["zip", "zip-beside", "zip-known", "tar"],
)
def test_archives_that_are_unpacked_with_care_are_no_escape(write: Callable[..., Any], found: Callable[..., bytes]) -> None:
    (result,) = check_format(_careful(write, found), select=["security/escape"])
    assert result.verdict is Verdict.KEPT, str(result)
    assert result.examples >= 8


def test_a_size_that_is_refused_or_never_touched_is_no_bomb() -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(struct.pack("<Q", len(data)) + data)

    def allocated(path: pathlib.Path) -> bytes:
        """Asks for as much memory as is claimed, which nobody touches before it is filled."""
        data = path.read_bytes()
        array = np.empty(int.from_bytes(data[:8], "little"), np.uint8)
        array[: len(data) - 8] = np.frombuffer(data[8:], np.uint8)
        return array.tobytes() if len(array) == len(data) - 8 else b""

    (result,) = check_format(_careful(write, allocated), select=["security/bomb"])
    assert result.verdict is Verdict.KEPT, str(result)


def test_names_in_an_index_that_are_only_names_are_no_escape() -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        path.with_name(f"{path.name}.0").write_bytes(data)
        path.write_text(json.dumps([f"{path.name}.0"]))

    def found(path: pathlib.Path) -> bytes:
        (name,) = json.loads(path.read_text())
        return path.with_name(name).read_bytes()  # raises for what is no name

    assert _verdict(_careful(write, found), "security/escape") is Verdict.KEPT


def test_offsets_that_are_compared_with_the_file_are_no_overlap() -> None:
    kind = faults.Offsets("numpy")

    def load(path: pathlib.Path) -> Any:
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        regions = sorted(entry["data_offsets"] for entry in json.loads(data[8:start]).values())
        ends = [0, *(stop for _, stop in regions)]
        if [begin for begin, _ in regions] != ends[:-1] or ends[-1] != len(data) - start:
            raise ValueError("the regions are not one after the other")
        return kind.load(path)

    format = Format(name="careful", backend="numpy", save=kind.save, load=load, accepts="dict")
    assert _verdict(format, "security/overlap") is Verdict.KEPT


# --- what takes a library ------------------------------------------------------------------------------------------------------------

_WITH_KERAS = pytest.mark.skipif(UNDER_TEST != "tensorflow", reason="asked in the environment of tensorflow")


@_WITH_KERAS
def test_keras_without_its_safe_mode_runs_marshalled_code() -> None:
    from pytest_ckpt.formats import get_format

    def load(path: pathlib.Path) -> Any:
        import keras

        return keras.saving.load_model(path, safe_mode=False)

    unsafe = dataclasses.replace(get_format("keras.keras"), name="unsafe", load_model=load, expected_failures={})
    assert _verdict(unsafe, "security/code") is Verdict.UNSAFE


@_WITH_KERAS
def test_links_and_elements_of_hdf5_in_other_files_are_read_by_who_does_not_look() -> None:
    assert importlib.util.find_spec("h5py") is not None

    def save(tree: Any, path: pathlib.Path) -> None:
        import h5py

        with h5py.File(path, "w") as file:
            for name, array in tree.items():
                file[name] = array

    def load(path: pathlib.Path) -> Any:
        import h5py

        with h5py.File(path) as file:
            return {name: file[name][()] for name in file}

    format = Format(name="hdf5", backend="numpy", save=save, load=load, accepts="dict")
    (result,) = check_format(format, select=["security/escape"])
    assert result.verdict is Verdict.UNSAFE
    assert "4 of 6 hostile files got UNSAFE" in result.detail
