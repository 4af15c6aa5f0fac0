"""The pages of the documentation that are made from runs: they say what the runs saw, and every defect is shown by its library alone."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from pytest_ckpt.expectations import in_force
from pytest_ckpt.formats import BUILTIN, get_format, missing
from pytest_ckpt.reports.markdown import page
from pytest_ckpt.reports.record import read_record, write_record

from .conftest import APART, UNDER_TEST

DOCS = pathlib.Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))

import pages  # noqa: E402

SCRIPTS = [script for backend in APART for script in pages.scripts_of(backend)]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_script_shows_a_defect_that_is_declared(script: pages.Script) -> None:
    """It fails, with a message, in an empty folder; and it does not import this package."""
    assert script.shows
    assert {format for format, _ in script.shows} <= set(BUILTIN)
    assert "pytest_ckpt" not in script.lines
    assert pages.said_by(script)


@pytest.mark.parametrize("name", [name for name, shipped in BUILTIN.items() if shipped.backend in APART and missing(name) is None])
def test_the_declared_defects_are_those_that_scripts_show(name: str) -> None:
    declared = get_format(name).expected_failures
    defects = {key for key in declared if (entry := in_force(declared, key)) is not None and entry.defect}
    assert defects == {key for script in pages.all_scripts() for format, key in script.shows if format == name}


def test_a_script_that_ends_well_shows_nothing(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mended.py").write_text('"""It was lost.\n\nShows: numpy.save keys/nul\n"""\n\nprint("it is kept")\n')
    monkeypatch.setattr(pages, "SHOWN", tmp_path)
    with pytest.raises(ValueError, match="shows no defect any more"):
        pages.said_by(pages.read_script(tmp_path / "mended.py"))


@pytest.mark.skipif(UNDER_TEST not in ("", "numpy"), reason="asked in numpy's environment")
class TestPages:
    """What is committed is what the records of the runs give; so nothing in it is written by hand."""

    def test_formats(self) -> None:
        assert (DOCS / "formats.md").read_text(encoding="utf-8") == page(pages.records())

    def test_findings(self) -> None:
        assert (DOCS / "findings.md").read_text(encoding="utf-8") == pages.findings(pages.said_in_runs())

    def test_the_runs_covered_every_format_and_all_was_as_declared(self) -> None:
        rows = [row for record in pages.records() for row in record.rows]
        assert sorted(row.name for row in rows) == sorted(BUILTIN)
        cells = [cell for row in rows for cell in row.cells]
        assert [f"{cell.format} {cell.check}" for cell in cells if cell.failed] == []
        assert [row.name for row in rows if row.missing] == []
        assert all(record.select == ("all",) for record in pages.records())
        assert len(rows) >= 30
        assert sum(cell.verdict is not None for cell in cells) >= 2000

    def test_the_command_line_prints_the_page(self) -> None:
        paths = sorted(str(path) for path in pages.RUNS.glob("*.json") if not path.name.endswith(".shown.json"))
        run = subprocess.run([sys.executable, "-m", "pytest_ckpt", "report", *paths], capture_output=True, text=True, check=True)
        assert run.stdout == (DOCS / "formats.md").read_text(encoding="utf-8")


def test_a_record_is_read_as_it_was_written(tmp_path: pathlib.Path) -> None:
    """Of a run in which formats are kept, declared, not as declared, and skipped."""
    (tmp_path / "mylib.py").write_text(
        "import numpy as np\nfrom pytest_ckpt import Format, changed\n"
        "def save(tree, path): np.save(path, tree, allow_pickle=True)\n"
        "declared = {'container/list': changed('np.save makes one array of a list (owner/repo#12)', defect=True)}\n"
        "mine = Format(name='mine', backend='numpy', save=save, load=np.load, suffix='.npy', expected_failures=declared)\n"
    )
    command = [sys.executable, "-m", "pytest_ckpt", "run", "mylib:mine", "--examples=0", "--json=record.json"]
    select = ("container/list", "container/none", "layout/fortran", "dtype/float16", "layout/memory-mapped", "dtype/complex32")
    run = subprocess.run([*command, *map("--select={}".format, select)], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    record = read_record(tmp_path / "record.json")
    (row,) = record.rows
    assert row.versions.keys() >= {"pytest-ckpt", "numpy"}
    assert {cell.check for cell in row.cells} == set(select)
    write_record(record, tmp_path / "again.json")
    assert read_record(tmp_path / "again.json") == record
    text = page([record])
    for part in (
        "| [mine](#mine) | ",
        "### mine",
        "CHANGED!",
        "UNREADABLE?",
        "CHANGED, a defect: np.save makes one array of a list",
        "[owner/repo#12](https://github.com/owner/repo/issues/12)",
        "UNREADABLE: not declared (`container/none`, ",
    ):
        assert part in text, part
