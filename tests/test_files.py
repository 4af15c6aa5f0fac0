"""The family `files`: verdicts and details of its checks, and that the process is restored afterwards."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import fnmatch
import os
import pathlib
import random
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_ckpt import Format, Result, Verdict, check_format
from pytest_ckpt.backends import get_models
from pytest_ckpt.checks import CHECKS
from pytest_ckpt.execution.context import Context
from pytest_ckpt.execution.dispatch import run_example
from pytest_ckpt.execution.process_state import SHARED, state_of, temporary_places
from pytest_ckpt.formats import get_format
from pytest_ckpt.specs import DictSpec, Fill, LayerSpec, ModelSpec, NamedScenario, TensorSpec, from_json, to_json
from pytest_ckpt.specs.paths import NAMES, PATTERNS
from pytest_ckpt.verdicts import Observation

from .conftest import BACKENDS
from .faults.checksummed import Checksummed, checksummed_format, encode, write_atomically
from .faults.files import faults
from .faults.reference import Reference

WITH_MODELS = [name for name in BACKENDS if get_models(name) is not None]
TREE = DictSpec((("x", TensorSpec("float32", (4,), fill=Fill(1))), ("y", TensorSpec("float32", (4,), fill=Fill(2)))))
OTHER = DictSpec((("x", TensorSpec("float32", (4,), fill=Fill(3))), ("y", TensorSpec("float32", (4,), fill=Fill(4)))))


@pytest.fixture(autouse=True)
def _private_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide from other tests the files and the process state that some formats here change."""
    folder = tmp_path_factory.mktemp("private")
    with temporary_places(folder, folder):
        yield


def _run(format: Format, case: str) -> Result:
    (result,) = check_format(format, select=[f"files/{case}"])
    return result


def _format_with_writer(write: Callable[[pathlib.Path, bytes], Any]) -> Format:
    return checksummed_format("numpy", write=write)


def _write_new_file(path: pathlib.Path, data: bytes) -> None:
    if path.exists():
        raise FileExistsError(path)
    write_atomically(path, data)


def test_passes_when_save_refuses_to_overwrite() -> None:
    results = check_format(_format_with_writer(_write_new_file), select=["files"])
    assert {result.check: (str(result.verdict), result.skipped) for result in results if result.verdict is not Verdict.KEPT} == {}
    (size,) = [result for result in results if result.check == "files/size"]
    assert "save does not overwrite a checkpoint" in size.detail


@pytest.mark.parametrize(
    ("case", "fault", "verdict", "detail"),
    [
        ("overwrite-smaller", "appends_and_reads_first_record", Verdict.CHANGED, "['x']: values"),
        ("overwrite-smaller", "does_not_truncate", Verdict.UNREADABLE, "the checksum does not match"),
        ("overwrite-other-structure", "keeps_stale_shards", Verdict.CHANGED, "'y' is unexpected"),
        ("overwrite-other-kind", "removes_folder_then_raises", Verdict.CHANGED, "the existing 'checkpoint'"),
        ("neighbours", "fixed_temporary_name", Verdict.CHANGED, "the neighbour 'tmp'"),
        ("neighbours", "data_file_replaces_suffix", Verdict.CHANGED, "['x']: values"),
        ("path-unicode", "normalizes_to_nfc", Verdict.UNREADABLE, "there is no file at the path"),
        ("path-space", "data_file_splits_at_space", Verdict.UNREADABLE, "without -data"),
        ("path-relative", "changes_directory_first", Verdict.REFUSED, "FileNotFoundError"),
        ("failed-save-keeps-old", "encodes_while_writing", Verdict.CHANGED, "the old checkpoint, after save raised TypeError"),
        ("failed-save-keeps-old", "removes_old_file_first", Verdict.UNREADABLE, "FileNotFoundError"),
        ("disk-full", "writes_in_place", Verdict.UNREADABLE, "File too large"),
        ("read-only-dir", "ignores_permission_error", Verdict.CHANGED, "['x']: values"),
        (
            "no-leftovers",
            "failed_save_leaves_suffixed_name",
            Verdict.COSTLY,
            "after a save that failed, a part of the new checkpoint: <path>.",
        ),
        ("no-leftovers", "leaves_file_with_tmp_suffix", Verdict.COSTLY, "a temporary file that loading does not need: <path>.tmp"),
        ("no-side-effects", "removes_saved_leaf", Verdict.CHANGED, "the saved object, after save"),
        ("no-side-effects", "changes_umask", Verdict.COSTLY, "save changed the umask (from 0o"),
        ("no-side-effects", "changes_environment", Verdict.COSTLY, "the environment (PLANTED)"),
        ("deterministic", "stores_time", Verdict.COSTLY, "saved by one process at two times: 'checkpoint' first differs at byte"),
        ("deterministic", "stores_process_id", Verdict.COSTLY, "saved by two processes: 'checkpoint' first differs at byte"),
        ("size", "appends_and_reads_last_record", Verdict.COSTLY, "bytes on disk for 1,048,576 bytes of values"),
    ],
)
def test_fault_gets_verdict_and_detail(case: str, fault: str, verdict: Verdict, detail: str) -> None:
    result = _run(faults(case, "numpy")[fault], case)
    assert (result.verdict, detail in result.detail) == (verdict, True), str(result)


def test_disk_full_finds_ignored_enospc() -> None:
    """Only a full disk raises ENOSPC; a limit on the file size raises EFBIG."""

    def write(path: pathlib.Path, data: bytes) -> None:
        try:
            write_atomically(path, data)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    result = _run(_format_with_writer(write), "disk-full")
    if "mount" in f"{result.detail}{result.skipped}":
        pytest.skip("cannot mount a tmpfs on this machine")
    assert result.verdict is Verdict.CHANGED
    assert isinstance(result.counterexample, NamedScenario)
    assert result.counterexample.how == "a disk that is full"


def test_no_leftovers_accepts_tmp_file_that_load_needs() -> None:
    functions = Checksummed("numpy")

    def save(tree: Any, path: pathlib.Path) -> None:
        path.mkdir(exist_ok=True)
        functions.save(tree, path / "data.tmp")

    format = Format(name="planted", backend="numpy", save=save, load=lambda path: functions.load(path / "data.tmp"), accepts="dict")
    assert _run(format, "no-leftovers").verdict is Verdict.KEPT


def test_no_leftovers_accepts_history_inside_folder() -> None:
    functions = Checksummed("numpy")

    def save(tree: Any, path: pathlib.Path) -> None:
        path.mkdir(exist_ok=True)
        functions.save(tree, path / f"{len(list(path.iterdir()))}")

    def load(path: pathlib.Path) -> Any:
        return functions.load(path / f"{len(list(path.iterdir())) - 1}")

    format = Format(name="planted", backend="numpy", save=save, load=load, accepts="dict")
    assert _run(format, "no-leftovers").verdict is Verdict.KEPT
    assert _run(format, "size").verdict is Verdict.COSTLY


def test_no_side_effects_accepts_change_at_first_save() -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        if not saved:
            os.environ["PLANTED_WAS_USED"] = "yes"
        saved.append(path)
        write_atomically(path, data)

    saved: list[pathlib.Path] = []
    assert _run(_format_with_writer(write), "no-side-effects").verdict is Verdict.KEPT


def test_process_state_is_restored_after_checks() -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        os.chdir(path.parent)
        os.umask(0o007)
        random.seed(0)
        write_atomically(path, data)

    before = state_of(SHARED)
    check_format(_format_with_writer(write), select=["files", "dtype/float32", "-files/deterministic"], examples=2)
    assert state_of(SHARED) == before


@pytest.mark.parametrize("case", ["path-relative", "no-leftovers", "no-side-effects", "neighbours", "overwrite-smaller"])
def test_process_state_is_restored_after_interrupt(case: str, tmp_path: pathlib.Path) -> None:
    saved: list[pathlib.Path] = []

    def write(path: pathlib.Path, data: bytes) -> None:
        saved.append(path)
        if len(saved) > 2:
            os.environ["PLANTED_WAS_HERE"] = "yes"
            raise KeyboardInterrupt
        write_atomically(path, data)

    before, temporary, environment = state_of(SHARED), tempfile.tempdir, dict(os.environ)
    with Context(_format_with_writer(write), tmp_path) as context, contextlib.suppress(KeyboardInterrupt):
        for _ in range(3):
            run_example(context, NamedScenario(f"files/{case}", TREE, OTHER, "model"))
        pytest.fail("save was never interrupted")
    os.environ.pop("PLANTED_WAS_HERE", None)
    assert (state_of(SHARED), tempfile.tempdir, dict(os.environ)) == (before, temporary, environment)


def test_folder_is_writable_again_after_worker_crash(tmp_path: pathlib.Path) -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        os._exit(3) if not os.access(path.parent, os.W_OK) else write_atomically(path, data)

    with Context(_format_with_writer(write), tmp_path) as context:
        seen = run_example(context, NamedScenario("files/read-only-dir", TREE, OTHER))
        assert "exited with code 3" in (seen.crashed or "")
    assert [each for each in tmp_path.rglob("*") if each.is_dir() and not each.stat().st_mode & stat.S_IWUSR] == []


def test_passes_when_load_creates_lock_file() -> None:
    """The folder is writable again before the checkpoint is loaded, so the lock can be created."""

    @contextlib.contextmanager
    def locked(path: pathlib.Path) -> Iterator[None]:
        with open(f"{path}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def write(path: pathlib.Path, data: bytes) -> None:
        with locked(path):
            write_atomically(path, data)

    def load(path: pathlib.Path) -> Any:
        with locked(path):
            return functions.load(path)

    functions = Checksummed("numpy", write=write)
    format = Format(name="locking", backend="numpy", save=functions.save, load=load, accepts="dict")
    results = check_format(format, select=["files/read-only-dir", "files/no-side-effects", "files/no-leftovers", "files/neighbours"])
    assert {result.check: result.detail for result in results if result.verdict is not Verdict.KEPT} == {}


def test_worker_with_full_disk_is_not_reused(tmp_path: pathlib.Path) -> None:
    """A library may crash later because of the file that it could not write."""

    def write(path: pathlib.Path, data: bytes) -> None:
        try:
            write_atomically(path, data)
        except OSError as error:
            if error.errno == errno.EFBIG:
                broken.append(path)
            raise

    def load(path: pathlib.Path) -> Any:
        return os._exit(4) if broken else functions.load(path)

    broken: list[pathlib.Path] = []
    functions = Checksummed("numpy", write=write)
    format = Format(name="planted", backend="numpy", save=functions.save, load=load, accepts="dict")
    results = check_format(format, select=["files/disk-full", "files/read-only-dir", "files/deterministic"])
    verdicts = {result.check.split("/")[1]: result.verdict for result in results}
    assert verdicts == {"disk-full": Verdict.CRASHED, "read-only-dir": Verdict.KEPT, "deterministic": Verdict.KEPT}


def test_isolated_format_saves_only_in_workers() -> None:
    here = os.getpid()

    def save(tree: Any, path: pathlib.Path) -> None:
        assert os.getpid() != here
        write_atomically(path, encode("numpy", tree))

    format = Format(name="planted", backend="numpy", save=save, load=Checksummed("numpy").load, accepts="dict", isolate=True)
    results = check_format(format, select=["files"])
    assert [str(result) for result in results if not result.passed] == []


def test_path_str_allows_error_but_not_wrong_data() -> None:
    format = checksummed_format("numpy")

    def load(path: Any) -> Any:
        if not isinstance(path, pathlib.Path):
            raise TypeError("path must be a pathlib.Path")
        assert format.load is not None
        return format.load(path)

    assert _run(dataclasses.replace(format, load=load), "path-str").verdict is Verdict.KEPT

    def wrong(path: Any) -> Any:
        assert format.load is not None
        return dict(reversed(format.load(path).items())) | ({"x": None} if isinstance(path, str) else {})

    assert _run(dataclasses.replace(format, load=wrong), "path-str").verdict is Verdict.CHANGED


def test_skips_when_save_accepts_unsavable_leaf() -> None:
    functions = Checksummed("numpy")

    def save(tree: Any, path: pathlib.Path) -> None:
        functions.save({name: tree[name] for name in tree if name != "z"}, path)

    format = Format(name="planted", backend="numpy", save=save, load=functions.load, accepts="dict")
    result = _run(format, "failed-save-keeps-old")
    assert (result.verdict, "accepted an object" in (result.skipped or "")) == (None, True)


def _format_of_models(backend: str) -> Format:
    """Return a format that saves only models, as the framework itself does."""
    builtin = {"torch": "torch.module", "tensorflow": "keras.weights-h5", "mxnet": "mxnet.parameters"}
    if backend in builtin:
        return dataclasses.replace(get_format(builtin[backend]), expected_failures={})
    reference = Reference(backend)
    return Format(name="models", backend=backend, save_model=reference.save_model, load_model=reference.load_model)


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_formats_of_models_run_the_same_checks(backend: str) -> None:
    """A failed save in place destroys the old model; a save to a temporary folder does not."""
    format = _format_of_models(backend)
    assert format.save_model is not None
    save = format.save_model

    def save_by_folder(model: Any, path: pathlib.Path) -> None:
        folder = path.with_name(f"{path.name}-new")
        folder.mkdir()
        try:
            save(model, folder / path.name)
            (folder / path.name).replace(path)
        finally:
            shutil.rmtree(folder)

    def save_in_place(model: Any, path: pathlib.Path) -> None:
        path.write_bytes(b"")
        save(model, path)

    by_folder = dataclasses.replace(format, save_model=save_by_folder)
    results = check_format(by_folder, select=["files", "-files/deterministic", "-files/disk-full", "-files/path-dots"])
    assert [str(result) for result in results if not result.passed] == []
    assert len(results) == len([name for name in CHECKS if name.startswith("files/")]) - 3
    in_place = _run(dataclasses.replace(format, save_model=save_in_place), "failed-save-keeps-old")
    assert in_place.verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_unsavable_model_is_still_a_model(backend: str) -> None:
    models = get_models(backend)
    assert models is not None
    model = models.build(ModelSpec((LayerSpec("dense", 3), LayerSpec("dense", 2)), (2,)))
    models.make_unsavable(model)
    assert models.owns(model)


def test_path_patterns_match_their_neighbour() -> None:
    for pattern, other in PATTERNS.items():
        assert pattern != other
        if "{" not in pattern:  # the shell expands braces, fnmatch does not
            assert fnmatch.fnmatchcase(other, pattern)


def test_path_names_are_distinct_file_names() -> None:
    for case, names in NAMES.items():
        assert f"files/{case}" in CHECKS
        assert len(set(names)) == len(names)
        assert not any("/" in name or "\0" in name for name in names)


def test_named_scenario_has_how_in_repr_and_json() -> None:
    scenario = NamedScenario("files/path-dots", TREE, how=".hidden")
    assert repr(scenario).endswith("how='.hidden')")
    assert from_json(to_json(scenario)) == scenario
    assert scenario != dataclasses.replace(scenario, how="")


def test_restored_means_that_every_value_is_restored() -> None:
    from pytest_ckpt.execution.observations import is_restored
    from pytest_ckpt.verdicts import Difference

    converted = Difference("['x']", "kind", "a tensor", "an array")
    assert is_restored(Observation())
    assert is_restored(Observation(differences=(converted,)))
    assert not is_restored(Observation(differences=(dataclasses.replace(converted, lost=True),)))
    assert not is_restored(Observation(unreadable="it raises"))
