"""The family `files`: verdicts beyond that a fault is caught, and that all is put back whatever happens."""

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
from pytest_ckpt.execution.dispatch import Context
from pytest_ckpt.execution.process_state import SHARED, own_places, state_of
from pytest_ckpt.formats import get_format
from pytest_ckpt.specs import DictSpec, Fill, LayerSpec, ModelSpec, NamedScenario, TensorSpec, from_json, to_json
from pytest_ckpt.specs.paths import NAMES, PATTERNS
from pytest_ckpt.verdicts import Observation

from .conftest import BACKENDS
from .faults.files import faults
from .faults.reference import Reference
from .faults.sealed import Sealed, encode, sealed_format, write_safely

WITH_MODELS = [name for name in BACKENDS if get_models(name) is not None]
TREE = DictSpec((("x", TensorSpec("float32", (4,), fill=Fill(1))), ("y", TensorSpec("float32", (4,), fill=Fill(2)))))
OTHER = DictSpec((("x", TensorSpec("float32", (4,), fill=Fill(3))), ("y", TensorSpec("float32", (4,), fill=Fill(4)))))


@pytest.fixture(autouse=True)
def _own_places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Some formats here leave files, and the process changed, which other tests must not see."""
    own = tmp_path_factory.mktemp("own")
    with own_places(own, own):
        yield


def _ask(format: Format, case: str) -> Result:
    (result,) = check_format(format, select=[f"files/{case}"])
    return result


def _written(write: Callable[[pathlib.Path, bytes], Any]) -> Format:
    return sealed_format("numpy", write=write)


def _refuses_to_overwrite(path: pathlib.Path, data: bytes) -> None:
    if path.exists():
        raise FileExistsError(path)
    write_safely(path, data)


def test_a_format_that_refuses_to_write_over_anything_keeps_what_was_there() -> None:
    results = check_format(_written(_refuses_to_overwrite), select=["files"])
    assert {result.check: (str(result.verdict), result.skipped) for result in results if result.verdict is not Verdict.KEPT} == {}
    (size,) = [result for result in results if result.check == "files/size"]
    assert "save does not write over a checkpoint" in size.detail


@pytest.mark.parametrize(
    ("case", "fault", "verdict", "words"),
    [
        ("overwrite-smaller", "appended", Verdict.CHANGED, "['x']: values"),
        ("overwrite-smaller", "not cut", Verdict.UNREADABLE, "damaged"),
        ("overwrite-other-structure", "stale shards", Verdict.CHANGED, "['y'] is there"),
        ("overwrite-other-kind", "folder taken away", Verdict.CHANGED, "what stood there, 'checkpoint'"),
        ("neighbours", "fixed temporary name", Verdict.CHANGED, "the neighbour 'tmp'"),
        ("neighbours", "suffix replaced", Verdict.CHANGED, "['x']: values"),
        ("path-unicode", "normalized", Verdict.UNREADABLE, "nothing stands at the path"),
        ("path-space", "data after the first word", Verdict.UNREADABLE, "without -data"),
        ("path-relative", "from its folder", Verdict.REFUSED, "FileNotFoundError"),
        ("failed-save-keeps-old", "leaf by leaf", Verdict.CHANGED, "the old checkpoint, after save has raised TypeError"),
        ("failed-save-keeps-old", "removed first", Verdict.UNREADABLE, "FileNotFoundError"),
        ("disk-full", "in place", Verdict.UNREADABLE, "File too large"),
        ("read-only-dir", "passed over", Verdict.CHANGED, "['x']: values"),
        ("no-leftovers", "own name, when it fails", Verdict.COSTLY, "after a save that failed, what it had begun: <path>."),
        ("no-leftovers", "temporary name", Verdict.COSTLY, "a temporary file that loading does not need: <path>.tmp"),
        ("no-side-effects", "a leaf taken away", Verdict.CHANGED, "what was saved, afterwards"),
        ("no-side-effects", "umask", Verdict.COSTLY, "save changed the umask (from 0o"),
        ("no-side-effects", "environment", Verdict.COSTLY, "the environment (SEALED)"),
        ("deterministic", "time", Verdict.COSTLY, "saved by one process at two times: 'checkpoint' differs first at byte"),
        ("deterministic", "process", Verdict.COSTLY, "saved by two processes: 'checkpoint' differs first at byte"),
        ("size", "appended", Verdict.COSTLY, "bytes on disk for 1,048,576 bytes of values"),
    ],
)
def test_what_a_fault_is_called_and_how_bad_it_is(case: str, fault: str, verdict: Verdict, words: str) -> None:
    result = _ask(faults(case, "numpy")[fault], case)
    assert (result.verdict, words in result.detail) == (verdict, True), str(result)


def test_a_disk_that_is_full_is_asked_about_beside_the_length_of_files() -> None:
    """An error that only a real disk gives is passed over."""

    def write(path: pathlib.Path, data: bytes) -> None:
        try:
            write_safely(path, data)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    result = _ask(_written(write), "disk-full")
    if "lets nobody mount" in f"{result.detail}{result.skipped}":
        pytest.skip("this machine lets nobody mount a small disk")
    assert result.verdict is Verdict.CHANGED
    assert isinstance(result.counterexample, NamedScenario)
    assert result.counterexample.how == "a disk that is full"


def test_a_part_that_loading_needs_is_no_litter_whatever_it_is_called() -> None:
    sealed = Sealed("numpy")

    def save(tree: Any, path: pathlib.Path) -> None:
        path.mkdir(exist_ok=True)
        sealed.save(tree, path / "data.tmp")

    format = Format(name="planted", backend="numpy", save=save, load=lambda path: sealed.load(path / "data.tmp"), accepts="dict")
    assert _ask(format, "no-leftovers").verdict is Verdict.KEPT


def test_a_history_inside_of_a_folder_is_no_litter() -> None:
    sealed = Sealed("numpy")

    def save(tree: Any, path: pathlib.Path) -> None:
        path.mkdir(exist_ok=True)
        sealed.save(tree, path / f"{len(list(path.iterdir()))}")

    def load(path: pathlib.Path) -> Any:
        return sealed.load(path / f"{len(list(path.iterdir())) - 1}")

    format = Format(name="planted", backend="numpy", save=save, load=load, accepts="dict")
    assert _ask(format, "no-leftovers").verdict is Verdict.KEPT
    assert _ask(format, "size").verdict is Verdict.COSTLY


def test_what_a_format_changes_at_first_use_alone_is_no_side_effect() -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        if not known:
            os.environ["SEALED_WAS_USED"] = "yes"
        known.append(path)
        write_safely(path, data)

    known: list[pathlib.Path] = []
    assert _ask(_written(write), "no-side-effects").verdict is Verdict.KEPT


def test_what_a_format_leaves_of_the_process_each_time_is_put_back() -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        os.chdir(path.parent)
        os.umask(0o007)
        random.seed(0)
        write_safely(path, data)

    before = state_of(SHARED)
    check_format(_written(write), select=["files", "dtype/float32", "-files/deterministic"], examples=2)
    assert state_of(SHARED) == before


@pytest.mark.parametrize("case", ["path-relative", "no-leftovers", "no-side-effects", "neighbours", "overwrite-smaller"])
def test_all_is_put_back_where_saving_is_interrupted(case: str, tmp_path: pathlib.Path) -> None:
    saved: list[pathlib.Path] = []

    def write(path: pathlib.Path, data: bytes) -> None:
        saved.append(path)
        if len(saved) > 2:
            os.environ["SEALED_WAS_HERE"] = "yes"
            raise KeyboardInterrupt
        write_safely(path, data)

    before, temporary, environment = state_of(SHARED), tempfile.tempdir, dict(os.environ)
    with Context(_written(write), tmp_path) as trials, contextlib.suppress(KeyboardInterrupt):
        for _ in range(3):
            trials.run(NamedScenario(f"files/{case}", TREE, OTHER, "model"))
        pytest.fail("nothing was interrupted")
    os.environ.pop("SEALED_WAS_HERE", None)
    assert (state_of(SHARED), tempfile.tempdir, dict(os.environ)) == (before, temporary, environment)


def test_a_folder_can_be_written_to_again_whatever_becomes_of_the_process_that_tried(tmp_path: pathlib.Path) -> None:
    def write(path: pathlib.Path, data: bytes) -> None:
        os._exit(3) if not os.access(path.parent, os.W_OK) else write_safely(path, data)

    with Context(_written(write), tmp_path) as trials:
        seen = trials.run(NamedScenario("files/read-only-dir", TREE, OTHER))
        assert "exit code 3" in (seen.crashed or "")
    assert [each for each in tmp_path.rglob("*") if each.is_dir() and not each.stat().st_mode & stat.S_IWUSR] == []


def test_a_loader_may_take_a_lock_beside_the_checkpoint() -> None:
    """Also after a save into a folder in which nobody may write has failed: that nobody may lock there says nothing of the save."""

    @contextlib.contextmanager
    def locked(path: pathlib.Path) -> Iterator[None]:
        with open(f"{path}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def write(path: pathlib.Path, data: bytes) -> None:
        with locked(path):
            write_safely(path, data)

    def load(path: pathlib.Path) -> Any:
        with locked(path):
            return sealed.load(path)

    sealed = Sealed("numpy", write=write)
    format = Format(name="locking", backend="numpy", save=sealed.save, load=load, accepts="dict")
    results = check_format(format, select=["files/read-only-dir", "files/no-side-effects", "files/no-leftovers", "files/neighbours"])
    assert {result.check: result.detail for result in results if result.verdict is not Verdict.KEPT} == {}


def test_who_met_a_full_disk_is_asked_nothing_else(tmp_path: pathlib.Path) -> None:
    """Libraries die later of what could not be written."""

    def write(path: pathlib.Path, data: bytes) -> None:
        try:
            write_safely(path, data)
        except OSError as error:
            if error.errno == errno.EFBIG:
                broken.append(path)
            raise

    def load(path: pathlib.Path) -> Any:
        return os._exit(4) if broken else sealed.load(path)

    broken: list[pathlib.Path] = []
    sealed = Sealed("numpy", write=write)
    format = Format(name="planted", backend="numpy", save=sealed.save, load=load, accepts="dict")
    results = check_format(format, select=["files/disk-full", "files/read-only-dir", "files/deterministic"])
    verdicts = {result.check.split("/")[1]: result.verdict for result in results}
    assert verdicts == {"disk-full": Verdict.CRASHED, "read-only-dir": Verdict.KEPT, "deterministic": Verdict.KEPT}


def test_a_format_that_wants_a_worker_gets_one_for_every_scene() -> None:
    here = os.getpid()

    def save(tree: Any, path: pathlib.Path) -> None:
        assert os.getpid() != here
        write_safely(path, encode("numpy", tree))

    format = Format(name="planted", backend="numpy", save=save, load=Sealed("numpy").load, accepts="dict", isolate=True)
    results = check_format(format, select=["files"])
    assert [str(result) for result in results if not result.passed] == []


def test_text_is_no_path_to_many_a_format_and_wrong_data_is_worse() -> None:
    format = sealed_format("numpy")

    def load(path: Any) -> Any:
        if not isinstance(path, pathlib.Path):
            raise TypeError("a path is wanted")
        assert format.load is not None
        return format.load(path)

    assert _ask(dataclasses.replace(format, load=load), "path-str").verdict is Verdict.KEPT

    def wrong(path: Any) -> Any:
        assert format.load is not None
        return dict(reversed(format.load(path).items())) | ({"x": None} if isinstance(path, str) else {})

    assert _ask(dataclasses.replace(format, load=wrong), "path-str").verdict is Verdict.CHANGED


def test_a_save_that_is_content_with_what_cannot_be_saved_is_not_asked_whether_it_failed_well() -> None:
    sealed = Sealed("numpy")

    def save(tree: Any, path: pathlib.Path) -> None:
        sealed.save({name: tree[name] for name in tree if name != "z"}, path)

    format = Format(name="planted", backend="numpy", save=save, load=sealed.load, accepts="dict")
    result = _ask(format, "failed-save-keeps-old")
    assert (result.verdict, "content" in (result.skipped or "")) == (None, True)


def _format_of_models(backend: str) -> Format:
    """One that saves models as the framework itself does, and nothing else."""
    builtin = {"torch": "torch.module", "tensorflow": "keras.weights-h5", "mxnet": "mxnet.parameters"}
    if backend in builtin:
        return dataclasses.replace(get_format(builtin[backend]), expected_failures={})
    reference = Reference(backend)
    return Format(name="models", backend=backend, save_model=reference.save_model, load_model=reference.load_model)


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_models_alone_are_asked_the_same(backend: str) -> None:
    """Saved in place, a model that cannot be saved takes the old one with it; saved aside, it does not."""
    format = _format_of_models(backend)
    assert format.save_model is not None
    save = format.save_model

    def save_aside(model: Any, path: pathlib.Path) -> None:
        aside = path.with_name(f"{path.name}-aside")
        aside.mkdir()
        try:
            save(model, aside / path.name)
            (aside / path.name).replace(path)
        finally:
            shutil.rmtree(aside)

    def save_in_place(model: Any, path: pathlib.Path) -> None:
        path.write_bytes(b"")
        save(model, path)

    aside = dataclasses.replace(format, save_model=save_aside)
    results = check_format(aside, select=["files", "-files/deterministic", "-files/disk-full", "-files/path-dots"])
    assert [str(result) for result in results if not result.passed] == []
    assert len(results) == len([name for name in CHECKS if name.startswith("files/")]) - 3
    in_place = _ask(dataclasses.replace(format, save_model=save_in_place), "failed-save-keeps-old")
    assert in_place.verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("backend", WITH_MODELS)
def test_a_model_that_cannot_be_saved_is_one(backend: str) -> None:
    models = get_models(backend)
    assert models is not None
    model = models.build(ModelSpec((LayerSpec("dense", 3), LayerSpec("dense", 2)), (2,)))
    models.make_unsavable(model)
    assert models.owns(model)


def test_a_pattern_finds_the_name_beside_it_and_not_itself() -> None:
    for pattern, other in PATTERNS.items():
        assert pattern != other
        if "{" not in pattern:  # which the shell knows, and Python does not
            assert fnmatch.fnmatchcase(other, pattern)


def test_names_are_names_of_files() -> None:
    for case, names in NAMES.items():
        assert f"files/{case}" in CHECKS
        assert len(set(names)) == len(names)
        assert not any("/" in name or "\0" in name for name in names)


def test_a_scene_tells_how_it_is_played_in_its_repr_and_as_json() -> None:
    scene = NamedScenario("files/path-dots", TREE, how=".hidden")
    assert repr(scene).endswith("how='.hidden')")
    assert from_json(to_json(scene)) == scene
    assert scene != dataclasses.replace(scene, how="")


def test_whole_is_what_every_value_came_back_of() -> None:
    from pytest_ckpt.execution.observations import is_whole
    from pytest_ckpt.verdicts import Difference

    converted = Difference("['x']", "kind", "a tensor", "an array")
    assert is_whole(Observation())
    assert is_whole(Observation(differences=(converted,)))
    assert not is_whole(Observation(differences=(dataclasses.replace(converted, lost=True),)))
    assert not is_whole(Observation(unreadable="it raises"))
