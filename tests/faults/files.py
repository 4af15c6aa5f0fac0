"""Faults in what saving does to the disk, and to the caller: the sealed format, but for one thing that it does wrong."""

from __future__ import annotations

import contextlib
import glob
import os
import pathlib
import re
import shutil
import time
import unicodedata
import urllib.parse
import uuid
from collections.abc import Callable
from typing import Any

from pytest_ckpt import Format

from .left import LITTER, SIDE_EFFECTS
from .sealed import Sealed, decode, encode, seal, sealed_format, unseal, write_safely
from .steps import Make, leaving, planted, writing


def faults(case: str, backend: str) -> dict[str, Format]:
    """The formats that the check ``files/case`` has to see through, by the name of their fault."""
    return {name: make(backend) for name, make in _FAULTS[case].items()}


def _moved_to(place: Callable[[pathlib.Path], Any]) -> Make:
    """Everything is written to another place than was asked for, and read from there."""

    def make(backend: str) -> Format:
        sealed = Sealed(backend)
        return planted(
            backend, lambda tree, path: sealed.save(tree, pathlib.Path(place(path))), lambda path: sealed.load(pathlib.Path(place(path)))
        )

    return make


def _records(which: int) -> Make:
    """What is saved is added at the end of the file, and read from one end or the other."""

    def write(path: pathlib.Path, data: bytes) -> None:
        with path.open("ab") as file:
            file.write(len(data).to_bytes(8, "little") + data)

    def unsealed(data: bytes) -> Any:
        found, at = [], 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 8], "little")
            found.append(data[at + 8 : at + 8 + size])
            at += 8 + size
        return unseal(found[which])

    return lambda backend: sealed_format(backend, write=write, unsealed=unsealed)


def _not_cut(path: pathlib.Path, data: bytes) -> None:
    with path.open("r+b" if path.exists() else "wb") as file:
        file.write(data)


def _only_once(path: pathlib.Path, data: bytes) -> None:
    if not path.exists():
        write_safely(path, data)


def _in_place(path: pathlib.Path, data: bytes) -> None:
    path.write_bytes(data)


def _short(path: pathlib.Path, data: bytes) -> None:
    """How much of it was written is not looked at."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        os.write(handle, data)
    finally:
        os.close(handle)


def _remembering(key: Callable[[pathlib.Path], Any]) -> Make:
    """What was read is kept, and known again by less than what it is."""

    def make(backend: str) -> Format:
        known: dict[Any, bytes] = {}

        def load(path: pathlib.Path) -> Any:
            data = known.setdefault(key(path), path.read_bytes())
            return decode(backend, unseal(data))

        return planted(backend, Sealed(backend).save, load)

    return make


def _newest_by_name(backend: str) -> Format:
    """A folder of steps, in which 9 comes behind 10."""
    sealed = Sealed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        path.mkdir(exist_ok=True)
        sealed.save(tree, path / f"step-{len(list(path.iterdir())) + 1}")

    return planted(backend, save, lambda path: sealed.load(max(path.iterdir())))


def _shards(backend: str) -> Format:
    """Each leaf has a file of its own; those of the checkpoint before are still there."""
    sealed = Sealed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        path.write_bytes(b"")
        for name, tensor in tree.items():
            sealed.save({name: tensor}, path.with_name(f"{path.name}.{name}"))

    def load(path: pathlib.Path) -> Any:
        tree: dict[str, Any] = {}
        for shard in sorted(path.parent.iterdir()):
            if shard.name.startswith(f"{path.name}."):
                tree.update(sealed.load(shard))
        return tree

    return planted(backend, save, load)


def _folder_taken_away(path: pathlib.Path, data: bytes) -> None:
    if path.is_dir():
        shutil.rmtree(path)
        raise IsADirectoryError(path)
    write_safely(path, data)


def _passing_over(*kinds: type[BaseException]) -> Make:
    def write(path: pathlib.Path, data: bytes) -> None:
        with contextlib.suppress(*kinds):
            write_safely(path, data)

    return writing(write)


def _made_writable(path: pathlib.Path, data: bytes) -> None:
    try:
        write_safely(path, data)
    except PermissionError:
        path.parent.chmod(0o755)
        write_safely(path, data)


def _data_beside(name: Callable[[pathlib.Path], pathlib.Path]) -> Make:
    """A small file stands at the path, and the data elsewhere."""

    def make(backend: str) -> Format:
        sealed = Sealed(backend)

        def save(tree: Any, path: pathlib.Path) -> None:
            path.write_bytes(b"the data stand beside")
            sealed.save(tree, name(path))

        return planted(backend, save, lambda path: sealed.load(name(path)))

    return make


def _by_way_of(name: Callable[[pathlib.Path], pathlib.Path]) -> Make:
    """A fixed name is used for the temporary file."""

    def write(path: pathlib.Path, data: bytes) -> None:
        name(path).write_bytes(data)
        name(path).replace(path)

    return writing(write)


def _prunes(path: pathlib.Path, data: bytes) -> None:
    """What was saved before under a name like this is taken away."""
    for other in path.parent.glob(f"{path.name.split('.')[0]}.*"):
        other.unlink()
    write_safely(path, data)


def _suffix_for_text(backend: str) -> Format:
    sealed = Sealed(backend)

    def save(tree: Any, path: Any) -> None:
        sealed.save(tree, pathlib.Path(f"{path}.sealed") if isinstance(path, str) else path)

    return planted(backend, save)


def _place_written_down(backend: str) -> Format:
    def save(tree: Any, path: pathlib.Path) -> None:
        write_safely(path, os.fsencode(path.parent) + b"\0" + encode(backend, tree))

    def load(path: pathlib.Path) -> Any:
        parent, _, data = path.read_bytes().partition(b"\0")
        if parent != os.fsencode(path.parent):
            raise ValueError("this is not where it was saved")
        return decode(backend, unseal(data))

    return planted(backend, save, load)


def _one_class_of_path(backend: str) -> Format:
    sealed = Sealed(backend)

    def save(tree: Any, path: Any) -> None:
        if type(path) is not type(pathlib.Path()):
            raise TypeError(f"no path: {path!r}")
        sealed.save(tree, path)

    return planted(backend, save)


def _through_no_link(backend: str) -> Format:
    sealed = Sealed(backend)

    def load(path: pathlib.Path) -> Any:
        if path.parent.is_symlink():
            raise ValueError("a link")
        return sealed.load(path)

    return planted(backend, sealed.save, load)


def _found_by_pattern(pattern: Callable[[pathlib.Path], str]) -> Make:
    def make(backend: str) -> Format:
        sealed = Sealed(backend)
        return planted(
            backend,
            sealed.save,
            lambda path: sealed.load(next(pathlib.Path(each) for each in glob.glob(pattern(path)) if each.endswith(path.name[1:]))),
        )

    return make


def _from_its_folder(path: pathlib.Path, data: bytes) -> None:
    """The current directory is changed before a path is used that begins there."""
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        path.write_bytes(data)
    finally:
        os.chdir(before)


def _leaf_by_leaf(backend: str) -> Format:
    """The file is open before all leaves are known to be well."""

    def save(tree: Any, path: pathlib.Path) -> None:
        with path.open("wb") as file:
            for name, tensor in tree.items():
                data = encode(backend, {name: tensor})
                file.write(len(data).to_bytes(8, "little") + data)

    def load(path: pathlib.Path) -> Any:
        data, tree, at = path.read_bytes(), {}, 0
        while at < len(data):
            size = int.from_bytes(data[at : at + 8], "little")
            tree.update(decode(backend, unseal(data[at + 8 : at + 8 + size])))
            at += 8 + size
        return tree

    return planted(backend, save, load)


def _removed_first(backend: str) -> Format:
    sealed = Sealed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        path.unlink(missing_ok=True)
        sealed.save(tree, path)

    return planted(backend, save)


def _folders_taken_away(path: pathlib.Path) -> None:
    for entry in path.parent.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)


def _marked(mark: Callable[[], str]) -> Make:
    """The bytes begin with something that is another each time."""

    def write(path: pathlib.Path, data: bytes) -> None:
        write_safely(path, mark().encode() + b"\0" + data)

    return lambda backend: sealed_format(backend, write=write, unsealed=lambda data: unseal(data.partition(b"\0")[2]))


def _in_order_of_hashes(backend: str) -> Format:
    sealed = Sealed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        sealed.save({name: tree[name] for name in set(tree)}, path)

    return planted(backend, save)


def _drawn_name(backend: str) -> Format:
    sealed = Sealed(backend)

    def save(tree: Any, path: pathlib.Path) -> None:
        name = f"{path.name}.{uuid.uuid4().hex}"
        sealed.save(tree, path.with_name(name))
        path.write_text(name)

    return planted(backend, save, lambda path: sealed.load(path.with_name(path.read_text())))


def _three_times(backend: str) -> Format:
    return sealed_format(
        backend,
        write=lambda path, data: write_safely(path, seal(data * 3)),
        unsealed=lambda data: unseal(bytes(unseal(data))[: len(unseal(data)) // 3]),
    )


_FAULTS: dict[str, dict[str, Make]] = {
    "overwrite-smaller": {
        "appended": _records(0),
        "not cut": writing(_not_cut),
        "only once": writing(_only_once),
        "known by its size": _remembering(lambda path: (str(path), path.stat().st_size)),
        "known by its second": _remembering(lambda path: (str(path), int(path.stat().st_mtime))),
        "newest by name": _newest_by_name,
    },
    "overwrite-other-structure": {"stale shards": _shards, "appended": _records(0)},
    "overwrite-other-kind": {
        "folder taken away": writing(_folder_taken_away),
        "passed over": _passing_over(OSError),
        "not cut": writing(_not_cut),
    },
    "neighbours": {
        "suffix replaced": _data_beside(lambda path: path.with_suffix(".data")),
        "begins alike": _data_beside(lambda path: path.with_name(path.name.split(".")[0])),
        "fixed temporary name": _by_way_of(lambda path: path.with_name("tmp")),
        "hidden temporary name": _by_way_of(lambda path: path.with_name(f".{path.name}.tmp")),
        "pruned": writing(_prunes),
        "folders beside": leaving(_folders_taken_away),
        "pointer beside": leaving(lambda path: path.with_name("checkpoint").write_text(path.name)),
        "known by its name": _remembering(lambda path: path.name),
    },
    "path-str": {"suffix for text": _suffix_for_text},
    "path-object": {"written down": _place_written_down, "one class": _one_class_of_path, "no link": _through_no_link},
    "path-space": {
        "first word": _moved_to(lambda path: str(path).split(" ")[0]),
        "quoted": _moved_to(lambda path: path.with_name(urllib.parse.quote(path.name))),
        "stripped": _moved_to(lambda path: path.with_name(path.name.strip())),
        "unquoted": _moved_to(lambda path: path.with_name(urllib.parse.unquote(path.name))),
        "expanded": _moved_to(lambda path: os.path.expandvars(path)),
        "data after the first word": _data_beside(lambda path: path.with_name(path.name.split(" ")[0] + "-data")),
    },
    "path-unicode": {
        "ascii": _moved_to(lambda path: path.with_name(path.name.encode("ascii", "replace").decode())),
        "normalized": _moved_to(lambda path: path.with_name(unicodedata.normalize("NFC", path.name))),
        "folded": _moved_to(lambda path: path.with_name(path.name.lower())),
        "compatible": _moved_to(lambda path: path.with_name(unicodedata.normalize("NFKC", path.name))),
    },
    "path-dots": {
        "suffix replaced": _moved_to(lambda path: path.with_suffix(".sealed")),
        "stripped": _moved_to(lambda path: path.with_name(path.name.rstrip("."))),
        "counted": _moved_to(lambda path: path.with_name(re.sub(r"\d+$", lambda step: str(int(step[0])), path.name))),
        "hidden": _found_by_pattern(lambda path: f"{glob.escape(str(path.parent))}/*"),
    },
    "path-glob": {"pattern": _found_by_pattern(str)},
    "path-relative": {"from its folder": writing(_from_its_folder)},
    "missing-parent": {"passed over": _passing_over(FileNotFoundError)},
    "failed-save-keeps-old": {"leaf by leaf": _leaf_by_leaf, "removed first": _removed_first},
    "disk-full": {
        "passed over": _passing_over(OSError),
        "short write": writing(_short),
        "in place": writing(_in_place),
        "removed first": _removed_first,
    },
    "read-only-dir": {"passed over": _passing_over(PermissionError), "made writable": writing(_made_writable)},
    "no-leftovers": LITTER,
    "no-side-effects": SIDE_EFFECTS,
    "deterministic": {
        "time": _marked(lambda: str(int(time.time()))),
        "process": _marked(lambda: str(os.getpid())),
        "current directory": _marked(os.getcwd),
        "user": _marked(lambda: os.environ.get("USER", "")),
        "order of hashes": _in_order_of_hashes,
        "drawn name": _drawn_name,
    },
    "size": {"three times": _three_times, "appended": _records(-1)},
}
