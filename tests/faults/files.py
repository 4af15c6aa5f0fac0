"""Faults for the family `files`: the checksummed format with one step done wrong."""

from __future__ import annotations

import os
import pathlib
import time
import uuid
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .checksummed import (
    Checksummed,
    MakeFormat,
    add_checksum,
    checksummed_format,
    format_with,
    verify_checksum,
    write_atomically,
)
from .leftovers import LEFTOVERS
from .overwrite import OVERWRITE, appends_record
from .paths import PATHS
from .side_effects import SIDE_EFFECTS


def faults(case: str, backend: str) -> dict[str, Format]:
    """Return the formats that the check ``files/case`` must fail, by the name of the fault."""
    return {name: make(backend) for name, make in _FAULTS[case].items()}


def _stores(value: Callable[[], str]) -> MakeFormat:
    """Store a value in front of the data that differs from save to save."""

    def write(path: pathlib.Path, data: bytes) -> None:
        write_atomically(path, value().encode() + b"\0" + data)

    return lambda backend: checksummed_format(backend, write=write, verify=lambda data: verify_checksum(data.partition(b"\0")[2]))


def _saves_keys_in_set_order(backend: str) -> Format:
    functions = Checksummed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        functions.save({name: tree[name] for name in set(tree)}, path)

    return format_with(backend, save)


def _stores_random_file_name(backend: str) -> Format:
    functions = Checksummed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        name = f"{path.name}.{uuid.uuid4().hex}"
        functions.save(tree, path.with_name(name))
        path.write_text(name)

    return format_with(backend, save, lambda path: functions.load(path.with_name(path.read_text())))


def _stores_data_three_times(backend: str) -> Format:
    return checksummed_format(
        backend,
        write=lambda path, data: write_atomically(path, add_checksum(data * 3)),
        verify=lambda data: verify_checksum(bytes(verify_checksum(data))[: len(verify_checksum(data)) // 3]),
    )


#: By case, then by the name of the fault.
_FAULTS: dict[str, dict[str, MakeFormat]] = {
    **OVERWRITE,
    **PATHS,
    "no-leftovers": LEFTOVERS,
    "no-side-effects": SIDE_EFFECTS,
    "deterministic": {
        "stores_time": _stores(lambda: str(int(time.time()))),
        "stores_process_id": _stores(lambda: str(os.getpid())),
        "stores_current_directory": _stores(os.getcwd),
        "stores_user": _stores(lambda: os.environ.get("USER", "")),
        "saves_keys_in_set_order": _saves_keys_in_set_order,
        "stores_random_file_name": _stores_random_file_name,
    },
    "size": {
        "stores_data_three_times": _stores_data_three_times,
        "appends_and_reads_last_record": appends_record(reads=-1),
    },
}
