"""Faults for the family `corruption`: loaders that accept a damaged file."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import pathlib
import time
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .checksummed import (
    BODY_OFFSET,
    MAGIC,
    Checksummed,
    MakeFormat,
    add_checksum,
    checksummed_format,
    decode,
    encode,
    format_with,
    verify_checksum,
)


def _split(body: bytes) -> tuple[bytes, bytes, int]:
    """Return the header with its length, the bytes after it, and how many bytes it declares."""
    stop = 8 + int.from_bytes(body[:8], "little")
    header = json.loads(bytes(body[8:stop]))
    return bytes(body[:stop]), bytes(body[stop:]), sum(entry["bytes"] for entry in header)


def skip_checksum(data: bytes) -> bytes:
    """Return the body without comparing its checksum."""
    return data[BODY_OFFSET:]


def _pad_with_zeros(data: bytes) -> bytes:
    """Fill a file that is too short with zeros."""
    header, values, declared = _split(data[BODY_OFFSET:])
    return header + values.ljust(declared, b"\0")


def _verify_only_header(data: bytes) -> bytes:
    """Compare the magic number and the length, but no checksum."""
    header, values, declared = _split(data[BODY_OFFSET:])
    if not data.startswith(MAGIC) or len(values) != declared:
        raise ValueError("the header does not match the file")
    return header + values


def _read_from_end(data: bytes) -> bytes:
    """Compute the offsets of the values from the end of the file."""
    header, values, declared = _split(data[BODY_OFFSET:])
    if len(values) < declared:
        raise ValueError("the file is shorter than its header says")
    return header + values[len(values) - declared :]


def _sum_of_bytes(body: bytes) -> bytes:
    """Return a checksum that does not depend on the order of the bytes."""
    return sum(body).to_bytes(32, "little")


def _verify_sum(data: bytes) -> bytes:
    if data[len(MAGIC) : BODY_OFFSET] != _sum_of_bytes(data[BODY_OFFSET:]):
        raise ValueError("the sum of the bytes does not match the data")
    return data[BODY_OFFSET:]


def _write_sum(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(MAGIC + _sum_of_bytes(data[BODY_OFFSET:]) + data[BODY_OFFSET:])


#: The number of bytes that the partial checksum covers.
_BEGINNING = 1 << 10


def _verify_beginning(data: bytes) -> bytes:
    if data[len(MAGIC) : BODY_OFFSET] != hashlib.sha256(data[BODY_OFFSET:][:_BEGINNING]).digest():
        raise ValueError("the checksum does not match the beginning of the data")
    return data[BODY_OFFSET:]


def _write_checksum_of_beginning(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(MAGIC + hashlib.sha256(data[BODY_OFFSET:][:_BEGINNING]).digest() + data[BODY_OFFSET:])


def _accept_zero_blocks(data: bytes) -> bytes:
    """Ignore the checksum if a block is zero, as if the block had never been written."""
    if data[len(MAGIC) : BODY_OFFSET] == hashlib.sha256(data[BODY_OFFSET:]).digest():
        return data[BODY_OFFSET:]
    header, values, declared = _split(data[BODY_OFFSET:])
    if len(values) != declared or not any(not values[at : at + 4].strip(b"\0") for at in range(0, declared, 4)):
        raise ValueError("the checksum does not match the data")
    return header + values


def _retry_forever(data: bytes) -> bytes:
    """Try a damaged file again without end."""
    while True:
        try:
            return bytes(verify_checksum(data))
        except ValueError:
            time.sleep(0.01)


@dataclasses.dataclass(frozen=True)
class ShardedFiles:
    """A checksummed file for each tensor, and an index with the file names.

    ``read`` reads one shard; ``index_checksums`` stores the checksums of the shards in the index.
    """

    backend: str
    read: Callable[[pathlib.Path, int], bytes]
    index_checksums: bool = True

    def save(self, tree: Any, path: pathlib.Path) -> None:
        index = {}
        for place, (name, tensor) in enumerate(tree.items()):
            shard = path.with_name(f"{path.name}.{place}")
            data = encode(self.backend, {name: tensor})
            shard.write_bytes(data)
            checksum = hashlib.sha256(data).hexdigest() if self.index_checksums else ""
            index[name] = {"file": shard.name, "bytes": len(data), "sum": checksum}
        path.write_bytes(add_checksum(json.dumps(index).encode()))

    def load(self, path: pathlib.Path) -> Any:
        tree: dict[str, Any] = {}
        for name, entry in json.loads(bytes(verify_checksum(path.read_bytes()))).items():
            data = self.read(path.with_name(entry["file"]), entry["bytes"])
            if data and self.index_checksums and hashlib.sha256(data).hexdigest() != entry["sum"]:
                raise ValueError(f"{name} was not saved together with the index")
            tree |= decode(self.backend, verify_checksum(data)) if data else _zeros(self.backend, name)
        return tree


def _read_shard(path: pathlib.Path, size: int) -> bytes:
    return path.read_bytes()


def _read_shard_if_exists(path: pathlib.Path, size: int) -> bytes:
    """Return nothing for a missing shard; nothing is then read as zeros."""
    return path.read_bytes() if path.exists() else b""


def _zeros(backend: str, name: str) -> Any:
    header = json.dumps([{"name": name, "dtype": "float32", "shape": [8], "bytes": 32}]).encode()
    return decode(backend, len(header).to_bytes(8, "little") + header + bytes(32))


@dataclasses.dataclass(frozen=True)
class ZipMembers:
    """A ZIP archive with a member for each tensor; a missing member is not noticed."""

    backend: str

    def save(self, tree: Any, path: pathlib.Path) -> None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, tensor in tree.items():
                archive.writestr(name, encode(self.backend, {name: tensor}))

    def load(self, path: pathlib.Path) -> Any:
        tree: dict[str, Any] = {}
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                tree |= decode(self.backend, verify_checksum(archive.read(name)))
        return tree


@dataclasses.dataclass(frozen=True)
class ZipWithoutChecksum:
    """A compressed ZIP member whose CRC is not compared."""

    backend: str

    def save(self, tree: Any, path: pathlib.Path) -> None:
        data = encode(self.backend, tree)
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("data", data)
        path.write_bytes(out.getvalue())

    def load(self, path: pathlib.Path) -> Any:
        data = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (info,) = archive.infolist()
            start = info.header_offset + 30 + len(info.filename)
            decompressed = zlib.decompressobj(-15).decompress(data[start : start + info.compress_size])
        return decode(self.backend, decompressed[BODY_OFFSET:])


def sharded_format(backend: str, read: Callable[[pathlib.Path, int], bytes] = _read_shard, index_checksums: bool = True) -> Format:
    """Return a format that writes a file for each tensor, and an index."""
    functions = ShardedFiles(backend, read, index_checksums)
    return Format(name="sharded", backend=backend, save=functions.save, load=functions.load, accepts="dict")


def _zip_format(backend: str, kind: type[ZipMembers] | type[ZipWithoutChecksum] = ZipMembers) -> Format:
    functions = kind(backend)
    return Format(name="zipped", backend=backend, save=functions.save, load=functions.load, accepts="dict")


def _hangs(backend: str) -> Format:
    return dataclasses.replace(checksummed_format(backend, verify=_retry_forever), time_limit=0.3)


def _loads_nothing_as_empty_tree(backend: str) -> Format:
    """Return an empty tree for a missing or empty file."""
    functions = Checksummed(backend)

    def load(path: pathlib.Path) -> Any:
        return functions.load(path) if path.exists() and path.stat().st_size else {}

    return format_with(backend, functions.save, load)


def _verifies_by(verify: Callable[[bytes], bytes]) -> MakeFormat:
    return lambda backend: checksummed_format(backend, verify=verify)


#: By case, then by the name of the fault.
_FAULTS: dict[str, dict[str, MakeFormat]] = {
    "truncate": {"pads_with_zeros": _verifies_by(_pad_with_zeros)},
    "bit-flip-header": {"skips_checksum": _verifies_by(skip_checksum)},
    "bit-flip-payload": {
        "skips_checksum": _verifies_by(skip_checksum),
        "verifies_only_header": _verifies_by(_verify_only_header),
        "skips_zip_crc": lambda backend: _zip_format(backend, ZipWithoutChecksum),
        "checksum_covers_beginning": lambda backend: checksummed_format(
            backend, verify=_verify_beginning, write=_write_checksum_of_beginning
        ),
    },
    "zero-block": {
        "skips_checksum": _verifies_by(skip_checksum),
        "accepts_zero_blocks": _verifies_by(_accept_zero_blocks),
    },
    "swapped-blocks": {
        "skips_checksum": _verifies_by(skip_checksum),
        "checksum_ignores_order": lambda backend: checksummed_format(backend, verify=_verify_sum, write=_write_sum),
    },
    "appended": {"reads_from_end": _verifies_by(_read_from_end)},
    "empty": {
        "loads_nothing_as_empty_tree": _loads_nothing_as_empty_tree,
        "loads_empty_shard_as_zeros": lambda backend: sharded_format(backend, _read_shard_if_exists),
        "hangs": _hangs,
    },
    "missing-part": {
        "loads_missing_shard_as_zeros": lambda backend: sharded_format(backend, _read_shard_if_exists),
        "loads_nothing_as_empty_tree": _loads_nothing_as_empty_tree,
        "ignores_missing_member": _zip_format,
    },
    "mixed-parts": {
        "skips_checksum": _verifies_by(skip_checksum),
        "index_has_no_checksums": lambda backend: sharded_format(backend, index_checksums=False),
        "members_have_no_index": _zip_format,
    },
}

#: Faults that end a worker for each file: only for numpy, because a worker starts slowly.
_ONLY_NUMPY = {"hangs"}


def faults(case: str, backend: str) -> dict[str, Format]:
    """Return the formats that the check ``corruption/case`` must fail, by the name of the fault."""
    return {name: make(backend) for name, make in _FAULTS[case].items() if backend == "numpy" or name not in _ONLY_NUMPY}
