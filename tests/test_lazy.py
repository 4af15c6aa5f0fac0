"""The package imports modules only at their first use, and every public name exists."""

from __future__ import annotations

import importlib
import pathlib
import pkgutil
import subprocess
import sys

import pytest

import pytest_ckpt
from pytest_ckpt import Format, check_format

#: Disables other plugins: that of Hypothesis imports hypothesis at the end of a run, that of zarr imports numpy.
WITHOUT_OTHERS = ["-p", "no:hypothesispytest", "-p", "no:zarr"]
#: Packages that take long to import.
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
def test_pytest_in_empty_folder_imports_no_heavy_package(pytester: pytest.Pytester, options: list[str]) -> None:
    loaded = _loaded(f"import pytest; pytest.main({[*options, *WITHOUT_OTHERS]!r})", pytester)
    assert "pytest_ckpt" in loaded
    assert loaded & HEAVY == set()


def test_unrelated_test_suite_imports_no_heavy_package(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.parametrize('check', [1, 2])\ndef test_mine(check, tmp_path): assert check")
    options = ["-q", "-p", "no:cacheprovider", *WITHOUT_OTHERS]
    assert _loaded(f"import pytest; assert pytest.main({options!r}) == 0", pytester) & HEAVY == set()


def test_importing_package_imports_no_heavy_package(pytester: pytest.Pytester) -> None:
    assert _loaded("import pytest_ckpt", pytester) & {*HEAVY, "pytest"} == set()
    code = "from pytest_ckpt import Format, list_checks, refused, Verdict; assert list_checks('torch')"
    assert _loaded(code, pytester) & HEAVY == set()
    assert _loaded("from pytest_ckpt.cli import main; main(['list', 'backends']); main(['list', 'checks'])", pytester) & HEAVY == set()


def test_worker_imports_no_pytest() -> None:
    """A run starts many workers, and pytest would be a third of what each of them imports."""

    def load(path: pathlib.Path) -> None:
        raise ValueError(f"pytest is imported: {'pytest' in sys.modules}")

    format = Format(name="mine", backend="numpy", save=lambda tree, path: path.write_bytes(b"saved"), load=load, isolate=True)
    (result,) = check_format(format, select=["shape/scalar"], examples=0)
    assert "pytest is imported: False" in result.detail


@pytest.mark.parametrize("name", pytest_ckpt.__all__)
def test_public_name_exists_and_is_documented(name: str) -> None:
    assert getattr(pytest_ckpt, name).__doc__
    assert name in dir(pytest_ckpt)


def test_no_public_name_is_name_of_module() -> None:
    """Importing such a module would replace the name in the package."""
    modules = {module.name for module in pkgutil.iter_modules(pytest_ckpt.__path__)}
    assert modules & {*pytest_ckpt.__all__} == {"strategies"}
    assert importlib.import_module("pytest_ckpt.strategies") is pytest_ckpt.strategies


def test_unknown_name_is_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'conformence'"):
        pytest_ckpt.conformence  # noqa: B018
    with pytest.raises(ImportError):
        exec("from pytest_ckpt import conformence")
