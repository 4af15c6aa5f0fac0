"""What is not used is not imported, and every public name is there."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import pytest_ckpt

#: Plugins of others, left out where this is asked: that of Hypothesis imports hypothesis at the end, that of zarr imports numpy.
WITHOUT_OTHERS = ["-p", "no:hypothesispytest", "-p", "no:zarr"]
#: What costs time to import.
HEAVY = {"numpy", "hypothesis", "ml_dtypes", "torch", "tensorflow", "keras", "jax", "flax", "mxnet"}
LOADED = "print('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))"


def _loaded(code: str, pytester: pytest.Pytester) -> set[str]:
    command = [sys.executable, "-c", f"import sys\n{code}\n{LOADED}"]
    run = subprocess.run(command, cwd=pytester.path, capture_output=True, text=True, check=True)
    return set(next(line for line in run.stdout.splitlines() if line.startswith("LOADED")).split()[1:])


@pytest.mark.parametrize(
    "options",
    [
        ["-q"],
        ["-q", "--ckpt-seed=random", "--ckpt-examples=3", "--ckpt-backend=numpy", "--ckpt-select=dtype/*"],
        ["-q", "--ckpt-regressions=found.json", "--ckpt-update-regressions"],
        ["--help"],
    ],
)
def test_pytest_in_an_empty_folder_loads_nothing_heavy(pytester: pytest.Pytester, options: list[str]) -> None:
    loaded = _loaded(f"import pytest; pytest.main({[*options, *WITHOUT_OTHERS]!r})", pytester)
    assert "pytest_ckpt" in loaded
    assert loaded & HEAVY == set()


def test_a_suite_that_asks_nothing_of_ours_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.parametrize('check', [1, 2])\ndef test_mine(check, tmp_path): assert check")
    options = ["-q", "-p", "no:cacheprovider", *WITHOUT_OTHERS]
    assert _loaded(f"import pytest; assert pytest.main({options!r}) == 0", pytester) & HEAVY == set()


def test_importing_the_package_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    assert _loaded("import pytest_ckpt", pytester) & {*HEAVY, "pytest"} == set()
    code = "from pytest_ckpt import Format, list_checks, refused, Verdict; assert list_checks('torch')"
    assert _loaded(code, pytester) & HEAVY == set()
    assert _loaded("from pytest_ckpt.cli import main; main(['list', 'backends']); main(['list', 'checks'])", pytester) & HEAVY == set()


@pytest.mark.parametrize("name", pytest_ckpt.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(pytest_ckpt, name).__doc__
    assert name in dir(pytest_ckpt)


def test_no_public_name_is_the_name_of_a_module() -> None:
    """A module that is imported would take the name's place in the package."""
    modules = {module.name for module in pkgutil.iter_modules(pytest_ckpt.__path__)}
    assert modules & {*pytest_ckpt.__all__} == {"strategies"}
    assert importlib.import_module("pytest_ckpt.strategies") is pytest_ckpt.strategies


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'conformence'"):
        pytest_ckpt.conformence  # noqa: B018
    with pytest.raises(ImportError):
        exec("from pytest_ckpt import conformence")
