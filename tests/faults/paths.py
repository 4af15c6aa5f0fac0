"""Faults in how a format treats its path and the files next to it, for the family `files`."""

from __future__ import annotations

import glob
import os
import pathlib
import re
import shutil
import unicodedata
import urllib.parse
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .checksummed import (
    Checksummed,
    MakeFormat,
    after_save,
    decode,
    encode,
    format_with,
    verify_checksum,
    with_writer,
    write_atomically,
)
from .overwrite import caches_reads


def _changes_path(change: Callable[[pathlib.Path], Any]) -> MakeFormat:
    """Save to another path than the given one, and load from there."""

    def make(backend: str) -> Format:
        functions = Checksummed(backend)
        return format_with(
            backend,
            lambda tree, path: functions.save(tree, pathlib.Path(change(path))),
            lambda path: functions.load(pathlib.Path(change(path))),
        )

    return make


def _data_file_named(name: Callable[[pathlib.Path], pathlib.Path]) -> MakeFormat:
    """Write a small file at the path, and the data to another file."""

    def make(backend: str) -> Format:
        functions = Checksummed(backend)

        def save(tree: Any, path: pathlib.Path) -> None:
            path.write_bytes(b"the data are in another file")
            functions.save(tree, name(path))

        return format_with(backend, save, lambda path: functions.load(name(path)))

    return make


def _temporary_file_named(name: Callable[[pathlib.Path], pathlib.Path]) -> MakeFormat:
    """Use a fixed name for the temporary file."""

    def write(path: pathlib.Path, data: bytes) -> None:
        name(path).write_bytes(data)
        name(path).replace(path)

    return with_writer(write)


def _remove_files_with_same_stem(path: pathlib.Path, data: bytes) -> None:
    for other in path.parent.glob(f"{path.name.split('.')[0]}.*"):
        other.unlink()
    write_atomically(path, data)


def _remove_folders(path: pathlib.Path) -> None:
    for entry in path.parent.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)


def _adds_suffix_to_str(backend: str) -> Format:
    functions = Checksummed(backend)

    def save(tree: Any, path: Any) -> None:
        functions.save(tree, pathlib.Path(f"{path}.data") if isinstance(path, str) else path)

    return format_with(backend, save)


def _stores_folder_in_file(backend: str) -> Format:
    def save(tree: Any, path: pathlib.Path) -> None:
        write_atomically(path, os.fsencode(path.parent) + b"\0" + encode(backend, tree))

    def load(path: pathlib.Path) -> Any:
        parent, _, data = path.read_bytes().partition(b"\0")
        if parent != os.fsencode(path.parent):
            raise ValueError("the file was saved in another folder")
        return decode(backend, verify_checksum(data))

    return format_with(backend, save, load)


def _refuses_path_subclass(backend: str) -> Format:
    functions = Checksummed(backend)

    def save(tree: Any, path: Any) -> None:
        if type(path) is not type(pathlib.Path()):
            raise TypeError(f"not a path: {path!r}")
        functions.save(tree, path)

    return format_with(backend, save)


def _refuses_symlink(backend: str) -> Format:
    functions = Checksummed(backend)

    def load(path: pathlib.Path) -> Any:
        if path.parent.is_symlink():
            raise ValueError("the folder is a symbolic link")
        return functions.load(path)

    return format_with(backend, functions.save, load)


def _globs_for_file(pattern: Callable[[pathlib.Path], str]) -> MakeFormat:
    """Load the first file that matches a pattern made from the path."""

    def make(backend: str) -> Format:
        functions = Checksummed(backend)
        return format_with(
            backend,
            functions.save,
            lambda path: functions.load(next(pathlib.Path(each) for each in glob.glob(pattern(path)) if each.endswith(path.name[1:]))),
        )

    return make


def _write_from_parent_folder(path: pathlib.Path, data: bytes) -> None:
    """Change the current directory before a relative path is used."""
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        path.write_bytes(data)
    finally:
        os.chdir(before)


#: By case, then by the name of the fault.
PATHS: dict[str, dict[str, MakeFormat]] = {
    "neighbours": {
        "data_file_replaces_suffix": _data_file_named(lambda path: path.with_suffix(".data")),
        "data_file_drops_suffixes": _data_file_named(lambda path: path.with_name(path.name.split(".")[0])),
        "fixed_temporary_name": _temporary_file_named(lambda path: path.with_name("tmp")),
        "fixed_hidden_temporary_name": _temporary_file_named(lambda path: path.with_name(f".{path.name}.tmp")),
        "removes_files_with_same_stem": with_writer(_remove_files_with_same_stem),
        "removes_folders": after_save(_remove_folders),
        "overwrites_pointer_file": after_save(lambda path: path.with_name("checkpoint").write_text(path.name)),
        "caches_by_file_name": caches_reads(lambda path: path.name),
    },
    "path-str": {"adds_suffix_to_str": _adds_suffix_to_str},
    "path-object": {
        "stores_folder_in_file": _stores_folder_in_file,
        "refuses_path_subclass": _refuses_path_subclass,
        "refuses_symlink": _refuses_symlink,
    },
    "path-space": {
        "splits_at_space": _changes_path(lambda path: str(path).split(" ")[0]),
        "quotes_name": _changes_path(lambda path: path.with_name(urllib.parse.quote(path.name))),
        "strips_name": _changes_path(lambda path: path.with_name(path.name.strip())),
        "unquotes_name": _changes_path(lambda path: path.with_name(urllib.parse.unquote(path.name))),
        "expands_variables": _changes_path(lambda path: os.path.expandvars(path)),
        "data_file_splits_at_space": _data_file_named(lambda path: path.with_name(path.name.split(" ")[0] + "-data")),
    },
    "path-unicode": {
        "replaces_non_ascii": _changes_path(lambda path: path.with_name(path.name.encode("ascii", "replace").decode())),
        "normalizes_to_nfc": _changes_path(lambda path: path.with_name(unicodedata.normalize("NFC", path.name))),
        "lowers_case": _changes_path(lambda path: path.with_name(path.name.lower())),
        "normalizes_to_nfkc": _changes_path(lambda path: path.with_name(unicodedata.normalize("NFKC", path.name))),
    },
    "path-dots": {
        "replaces_suffix": _changes_path(lambda path: path.with_suffix(".data")),
        "strips_trailing_dots": _changes_path(lambda path: path.with_name(path.name.rstrip("."))),
        "drops_leading_zeros": _changes_path(lambda path: path.with_name(re.sub(r"\d+$", lambda step: str(int(step[0])), path.name))),
        "glob_omits_hidden_files": _globs_for_file(lambda path: f"{glob.escape(str(path.parent))}/*"),
    },
    "path-glob": {"uses_path_as_pattern": _globs_for_file(str)},
    "path-relative": {"changes_directory_first": with_writer(_write_from_parent_folder)},
}
