"""The fixtures: they return new objects, work under `@given`, and leave no files, however a run ends."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from .conftest import BACKENDS

QUIET = ("-p", "no:cacheprovider", "-W", "error::hypothesis.errors.HypothesisWarning")


@pytest.fixture
def temporary(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    """Return the folder for temporary files of the processes that a test starts. Those of this pytest are elsewhere."""
    folder = pytester.mkdir("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.mark.parametrize("backend", BACKENDS)
def test_model_fixture_returns_new_models_or_skips(pytester: pytest.Pytester, backend: str) -> None:
    pytester.makepyfile(
        """
        from pytest_ckpt.backends import models_of
        from pytest_ckpt.compare.models import model_differences

        seen = []

        def test_model(ckpt_model, ckpt_backend):
            models = models_of(ckpt_model)
            assert models.name == ckpt_backend
            assert all(model_differences(ckpt_model, other, models) for other in seen)
            seen.append(ckpt_model)
        """
    )
    result = pytester.runpytest_subprocess("-v", "-rs", *QUIET, f"--ckpt-backend={backend}")
    if backend == "numpy":
        result.assert_outcomes(skipped=3)
        result.stdout.fnmatch_lines(["*numpy has no models"])
    else:
        result.assert_outcomes(passed=3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_object_fixtures_return_new_objects_of_backend(pytester: pytest.Pytester, backend: str) -> None:
    pytester.makepyfile(
        f"""
        import pytest
        from pytest_ckpt import differences
        from pytest_ckpt.backends import get_backend

        seen = []

        def test_tensor(ckpt_tensor, ckpt_backend):
            assert ckpt_backend == {backend!r}
            assert get_backend(ckpt_backend).owns(ckpt_tensor)
            assert all(differences(ckpt_tensor, other) for other in seen)
            seen.append(ckpt_tensor)

        def test_list(ckpt_list):
            assert type(ckpt_list) is list and len(ckpt_list) in (1, 2)
            assert all(get_backend({backend!r}).owns(each) for each in ckpt_list)

        def test_dict(ckpt_dict):
            assert type(ckpt_dict) is dict and len(ckpt_dict) == 2
            ckpt_dict.clear()

        def test_another_dict(ckpt_dict):
            assert len(ckpt_dict) == 2
        """
    )
    result = pytester.runpytest_subprocess("-v", *QUIET, f"--ckpt-backend={backend}")
    result.assert_outcomes(passed=3 + 3 + 2 + 2)
    result.stdout.fnmatch_lines([f"*::test_tensor?{backend}-float32-2x3? PASSED*"])


@pytest.mark.parametrize("backend", BACKENDS)
def test_fixtures_work_under_given(pytester: pytest.Pytester, temporary: pathlib.Path, backend: str) -> None:
    """No health check, warning or leftover file, neither in a function nor in a class."""
    pytester.makepyfile(
        """
        import pickle
        from hypothesis import given, settings, strategies as st
        from pytest_ckpt import assert_identical

        def save(tree, path):
            path.write_bytes(pickle.dumps(tree))

        def load(path):
            return pickle.loads(path.read_bytes())

        paths = set()

        class TestIt:
            @settings(max_examples=5, deadline=None, database=None)
            @given(data=st.data())
            def test_paths(self, ckpt_path, ckpt_strategies, ckpt_backend, data):
                drawn = data.draw(ckpt_strategies.tensor_specs())
                path = ckpt_path("spec.bin")
                assert path.name == "spec.bin" and path not in paths and path.parent.is_dir() and not path.exists()
                paths.add(path)
                save(drawn, path)
                assert load(path) == drawn
                assert ckpt_strategies.backend == ckpt_backend

            def test_paths_are_gone(self):
                assert paths and not any(path.parent.exists() for path in paths)

        @settings(max_examples=5, deadline=None, database=None)
        @given(data=st.data())
        def test_roundtrip(ckpt_roundtrip, data):
            ckpt_roundtrip(data.draw(st.lists(st.integers() | st.text())), save=save, load=load)
            ckpt_roundtrip({"a": 1}, save=save, load=load, template=False)
        """
    )
    result = pytester.runpytest_subprocess(*QUIET, f"--ckpt-backend={backend}", "-p", "no:pytester")
    result.assert_outcomes(passed=3)
    assert [entry.name for entry in temporary.iterdir() if entry.name.startswith("pytest-ckpt")] == []


def test_backends_come_from_option_or_setting_or_installation(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(ckpt_backend): pass\ndef test_other(): pass")
    result = pytester.runpytest_subprocess("-v", *QUIET)
    result.stdout.fnmatch_lines(["*::test_it?numpy? PASSED*"])
    pytester.makeini("[pytest]\nckpt_backends = numpy numpy")
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=2)


def test_parametrize_overrides_backends_and_objects(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("ckpt_backend", ["numpy"], indirect=True)
        @pytest.mark.parametrize(("ckpt_tensor", "number"), [("int32-4", 1)], indirect=["ckpt_tensor"])
        def test_it(ckpt_tensor, ckpt_strategies, number): assert ckpt_tensor.dtype == ckpt_backend_dtype

        ckpt_backend_dtype = "int32"
        """
    )
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=1)


def test_path_of_module_fixture_lives_until_session_ends(pytester: pytest.Pytester, temporary: pathlib.Path) -> None:
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def saved(ckpt_path):
            path = ckpt_path()
            path.write_text("once")
            return path

        @pytest.fixture
        def check_later(ckpt_path):
            paths = []
            yield paths
            assert paths[0].read_text() == "exists"

        def test_one(saved, ckpt_path, check_later):
            assert saved.read_text() == "once"
            check_later.append(ckpt_path())
            check_later[0].write_text("exists")

        def test_two(saved): assert saved.read_text() == "once"
        """
    )
    pytester.runpytest_subprocess(*QUIET).assert_outcomes(passed=2)
    assert [entry.name for entry in temporary.iterdir() if entry.name.startswith("pytest-ckpt")] == []


def test_falsifying_example_prints_spec(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        from hypothesis import Phase, given, settings, strategies as st
        from pytest_ckpt import strategies

        SETTINGS = settings(database=None, phases=[Phase.generate], max_examples=20)

        @SETTINGS
        @given(data=st.data())
        def test_fixture(ckpt_strategies, data):
            assert data.draw(ckpt_strategies.tensors(dtypes=["int8"])).ndim < 2

        @SETTINGS
        @given(strategies.dicts("numpy", min_size=1))
        def test_plain(drawn):
            assert not drawn
        """
    )
    result = pytester.runpytest_subprocess(*QUIET, "--ckpt-backend=numpy")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*built from TensorSpec('int8', *", "*built from DictSpec(((*"])


PROJECT = """
import pickle, sys
import numpy as np
from pytest_ckpt import Format, conformance

def save(tree, path):
    path.write_bytes(pickle.dumps(tree))
    print("saved", file=sys.__stderr__, flush=True)

def load(path):
    if {fails}: raise ValueError("no")
    return pickle.loads(path.read_bytes())

@conformance(Format(name="mine", backend="numpy", save=save, load=load), select={select})
def test_mine(check): check()

def test_path(ckpt_path): ckpt_path().write_text("x")
"""


@pytest.mark.parametrize("fails", [False, True], ids=["pass", "failure"])
def test_run_leaves_no_files(pytester: pytest.Pytester, temporary: pathlib.Path, fails: bool) -> None:
    """Hypothesis draws and shrinks in this run, and leaves no folder either."""
    pytester.makepyfile(PROJECT.format(fails=fails, select=["shape/ones", "layout/transposed"]))
    before = {entry.name for entry in pytester.path.iterdir()}
    command = [sys.executable, "-m", "pytest", *QUIET]
    run = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=False)
    assert ("2 failed, 1 passed" if fails else "3 passed") in run.stdout
    assert list(temporary.iterdir()) == []
    assert {entry.name for entry in pytester.path.iterdir()} - before <= {"__pycache__"}


@pytest.mark.parametrize("workers", [(), ("-n2",)], ids=["one-process", "workers"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["interrupt", "terminate"])
def test_interrupted_run_leaves_no_files(
    pytester: pytest.Pytester, temporary: pathlib.Path, number: signal.Signals, workers: tuple[str, ...]
) -> None:
    """The signal is sent after 50 saves, while examples are drawn.

    It is not sent earlier, because Hypothesis may turn an interrupt during its import into an ImportError.
    """
    pytester.makepyfile(PROJECT.format(fails=False, select=["dtype"]))
    command = [sys.executable, "-m", "pytest", *QUIET, "-s", "--ckpt-examples=100", *workers]
    process = subprocess.Popen(command, cwd=pytester.path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    assert process.stderr is not None
    assert all(process.stderr.readline() for _ in range(50))
    process.send_signal(number)
    process.stderr.read()
    # If the interrupt arrives in code compiled from a string, such as that of a dataclass, `python -m`
    # ends by SIGINT even if the program has caught it.
    interrupted = (pytest.ExitCode.INTERRUPTED, -signal.SIGINT)
    assert process.wait(timeout=60) in (interrupted if number == signal.SIGINT else (-signal.SIGTERM,))
    assert _emptied(temporary)


def _emptied(folder: pathlib.Path, seconds: float = 10.0) -> bool:
    """Return True as soon as the folders of the package are removed. The last process of the run may still be doing that."""
    end = time.monotonic() + seconds
    while left := [name for name in os.listdir(folder) if name.startswith("pytest-ckpt")]:
        if time.monotonic() > end:
            raise AssertionError(f"leftover folders: {left}")
    return True


def test_interrupt_after_mkdir_leaves_no_folder(tmp_path: pathlib.Path) -> None:
    """The interrupt arrives after the folder is created and before its path is returned."""
    code = """
import os, sys
from pytest_ckpt.util.tempdirs import temporary_folder

make = os.mkdir

def mkdir(*arguments, **keywords):
    make(*arguments, **keywords)
    print("made", os.listdir(sys.argv[1]))
    raise KeyboardInterrupt

os.mkdir = mkdir
with temporary_folder(sys.argv[1]):
    print("entered the block")
"""
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert run.stdout.startswith("made ['pytest-ckpt-")
    assert "entered the block" not in run.stdout
    assert "KeyboardInterrupt" in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_interrupt_during_removal_leaves_no_folder(tmp_path: pathlib.Path) -> None:
    """An audit hook raises the interrupt before the fifth of ten files is removed."""
    code = """
import sys
from pytest_ckpt.util.tempdirs import temporary_folder

seen = []

def hook(event, arguments):
    if event == "os.remove":
        seen.append(event)
        if len(seen) == 5:
            raise KeyboardInterrupt

with temporary_folder(sys.argv[1]) as folder:
    for number in range(10):
        (folder / str(number)).touch()
    sys.addaudithook(hook)
"""
    run = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in run.stderr
    assert list(tmp_path.iterdir()) == []
