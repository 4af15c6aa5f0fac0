"""The family `security`: hostile files act only in the test folder, and careful loaders pass."""

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
from .faults import code_execution
from .faults.checksummed import checksummed_format, decode, encode, verify_checksum
from .faults.security import Offsets, faults

#: The verdict that the faults of each case must get.
VERDICTS = {"code": Verdict.UNSAFE, "escape": Verdict.UNSAFE, "bomb": Verdict.CRASHED, "overlap": Verdict.CHANGED}


def _verdict(format: Format, check: str) -> Verdict | None:
    (result,) = check_format(format, select=[check])
    assert result.skipped is None
    return result.verdict


@pytest.mark.parametrize("case", ["code", "escape", "overlap"])
def test_faults_get_the_verdict_of_their_case(case: str) -> None:
    found = {name: _verdict(format, f"security/{case}") for name, format in faults(case, "numpy").items()}
    assert found == dict.fromkeys(found, VERDICTS[case])


@pytest.mark.parametrize("name", ["trusts_64_bit_length", "inflates_zip_member", "removes_recursion_limit"])
def test_exploding_bomb_is_a_crash(name: str) -> None:
    assert _verdict(faults("bomb", "numpy")[name], "security/bomb") is Verdict.CRASHED


def _entries(folder: pathlib.Path) -> dict[str, int]:
    return {entry.relative_to(folder).as_posix(): entry.lstat().st_mtime_ns for entry in folder.rglob("*")}


@pytest.mark.parametrize("name", ["extracts_by_member_name", "extracts_symlinks", "extracts_untrusted_tar", "reads_any_named_file"])
def test_escape_stays_inside_the_temporary_folder(name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test watches the parent of the temporary folder and of the current directory."""
    temporary, current = tmp_path / "temporary", tmp_path / "current"
    temporary.mkdir()
    current.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", os.fspath(temporary))
    monkeypatch.setenv("TMPDIR", os.fspath(temporary))
    monkeypatch.chdir(current)
    before = _entries(tmp_path)
    assert _verdict(faults("escape", "numpy")[name], "security/escape") is Verdict.UNSAFE
    after = _entries(tmp_path)
    assert after.keys() == before.keys()


def test_executed_code_leaves_no_files(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", os.fspath(tmp_path))
    assert _verdict(code_execution.unpickles_file("numpy"), "security/code") is Verdict.UNSAFE
    assert list(tmp_path.iterdir()) == []


def test_code_execution_counts_although_load_raises() -> None:
    """A hostile pickle never returns a checkpoint, so loading it always raises."""
    (result,) = check_format(code_execution.unpickles_file("numpy"), select=["security/code"])
    assert result.verdict is Verdict.UNSAFE
    assert "loading ran the code in the file" in result.detail
    assert result.counterexample is not None
    assert "calls os.mkdir" in repr(result.counterexample)


def test_update_checksums_gets_hostile_bytes_to_the_parser() -> None:
    format = code_execution.unpickles_behind_checksum("numpy")
    assert _verdict(format, "security/code") is Verdict.UNSAFE
    assert _verdict(dataclasses.replace(format, update_checksums=None), "security/code") is Verdict.KEPT


def test_passes_when_update_checksums_raises() -> None:
    def refuse(path: pathlib.Path) -> None:
        raise ValueError("unknown file")

    format = dataclasses.replace(checksummed_format("numpy"), update_checksums=refuse)
    results = check_format(format, select=["security"])
    assert [str(result) for result in results if not result.passed] == []


# --- careful loaders -----------------------------------------------------------------------------------------------------------------


def _careful_format(write: Callable[[pathlib.Path, bytes], Any], extract: Callable[[pathlib.Path], bytes], **fields: Any) -> Format:
    def save(tree: Any, path: pathlib.Path) -> None:
        write(path, encode("numpy", tree))

    def load(path: pathlib.Path) -> Any:
        return decode("numpy", verify_checksum(extract(path)))

    return Format(name="careful", backend="numpy", save=save, load=load, accepts="dict", **fields)


def _write_zip(path: pathlib.Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data", data)


def _write_tar(path: pathlib.Path, data: bytes) -> None:
    source = path.with_name(f"{path.name}.new")
    source.write_bytes(data)
    with tarfile.open(path, "w") as archive:
        archive.add(source, "archive/data")
    source.unlink()


def _unzip(path: pathlib.Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
        archive.extractall(folder)  # removes ".." from names
        return pathlib.Path(folder, "archive/data").read_bytes()


def _unzip_next_to_file(path: pathlib.Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        archive.extractall(path.parent)
    return path.with_name("archive").joinpath("data").read_bytes()


def _unzip_known_members(path: pathlib.Path) -> bytes:
    """Extract only the members of one folder, by the last part of their names."""
    folder = path.with_name("unpacked")
    folder.mkdir()
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("archive/"):
                folder.joinpath(name.split("/")[-1]).write_bytes(archive.read(name))
    return folder.joinpath("data").read_bytes()


def _untar(path: pathlib.Path) -> bytes:
    with tempfile.TemporaryDirectory() as folder, tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
        return pathlib.Path(folder, "archive/data").read_bytes()


@pytest.mark.parametrize(
    ("write", "extract"),
    [(_write_zip, _unzip), (_write_zip, _unzip_next_to_file), (_write_zip, _unzip_known_members), (_write_tar, _untar)],
    ids=["zip", "zip_next_to_file", "zip_known_members", "tar"],
)
def test_escape_passes_when_archive_is_extracted_safely(write: Callable[..., Any], extract: Callable[..., bytes]) -> None:
    (result,) = check_format(_careful_format(write, extract), select=["security/escape"])
    assert result.verdict is Verdict.KEPT, str(result)
    assert result.examples >= 8


def test_bomb_passes_when_memory_is_never_touched() -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        path.write_bytes(struct.pack("<Q", len(data)) + data)

    def allocated(path: pathlib.Path) -> bytes:
        """Allocate the declared size, which takes no memory until it is written."""
        data = path.read_bytes()
        array = np.empty(int.from_bytes(data[:8], "little"), np.uint8)
        array[: len(data) - 8] = np.frombuffer(data[8:], np.uint8)
        return array.tobytes() if len(array) == len(data) - 8 else b""

    (result,) = check_format(_careful_format(write, allocated), select=["security/bomb"])
    assert result.verdict is Verdict.KEPT, str(result)


def test_escape_passes_when_index_accepts_only_file_names() -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        path.with_name(f"{path.name}.0").write_bytes(data)
        path.write_text(json.dumps([f"{path.name}.0"]))

    def extract(path: pathlib.Path) -> bytes:
        (name,) = json.loads(path.read_text())
        return path.with_name(name).read_bytes()  # raises for anything except a file name

    assert _verdict(_careful_format(write, extract), "security/escape") is Verdict.KEPT


def test_overlap_passes_when_offsets_are_verified() -> None:
    functions = Offsets("numpy")

    def load(path: pathlib.Path) -> Any:
        data = path.read_bytes()
        start = 8 + int.from_bytes(data[:8], "little")
        regions = sorted(entry["data_offsets"] for entry in json.loads(data[8:start]).values())
        ends = [0, *(stop for _, stop in regions)]
        if [begin for begin, _ in regions] != ends[:-1] or ends[-1] != len(data) - start:
            raise ValueError("the regions are not adjacent")
        return functions.load(path)

    format = Format(name="careful", backend="numpy", save=functions.save, load=load, accepts="dict")
    assert _verdict(format, "security/overlap") is Verdict.KEPT


# --- with libraries ------------------------------------------------------------------------------------------------------------

_WITH_KERAS = pytest.mark.skipif(UNDER_TEST != "tensorflow", reason="runs in the environment of tensorflow")


@_WITH_KERAS
def test_keras_without_safe_mode_runs_marshalled_code() -> None:
    from pytest_ckpt.formats import get_format

    def load(path: pathlib.Path) -> Any:
        import keras

        return keras.saving.load_model(path, safe_mode=False)

    unsafe = dataclasses.replace(get_format("keras.keras"), name="unsafe", load_model=load, expected_failures={})
    assert _verdict(unsafe, "security/code") is Verdict.UNSAFE


@_WITH_KERAS
def test_h5py_reads_links_to_other_files() -> None:
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
