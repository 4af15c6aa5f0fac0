"""The pages in docs are made from records of runs, and a reproducer shows each bug with its library only."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

from pytest_ckpt.expectations import Expectations
from pytest_ckpt.formats import BUILTIN, get_format, missing
from pytest_ckpt.reports.markdown import page
from pytest_ckpt.reports.record import Record, read_record, write_compact_record, write_record

from .conftest import BACKENDS, UNDER_TEST

DOCS = pathlib.Path(__file__).parent.parent / "docs"
sys.path.insert(0, str(DOCS))

import pages  # noqa: E402

REPRODUCERS = [each for backend in BACKENDS for each in pages.reproducers_of(backend)]


@pytest.mark.parametrize("reproducer", REPRODUCERS, ids=lambda reproducer: reproducer.name)
def test_reproducer_fails_without_this_package(reproducer: pages.Reproducer) -> None:
    """It fails with a message in an empty folder, and does not import this package."""
    assert reproducer.covers
    assert {format for format, _ in reproducer.covers} <= set(BUILTIN)
    assert "pytest_ckpt" not in reproducer.code
    assert pages.output_of(reproducer)


@pytest.mark.parametrize("name", [name for name, builtin in BUILTIN.items() if builtin.backend in BACKENDS and missing(name) is None])
def test_each_declared_bug_has_a_reproducer(name: str) -> None:
    expectations = Expectations(get_format(name).expected_failures)
    bugs = {key for key, expectation in expectations.in_force.items() if expectation.defect}
    assert bugs == {key for each in pages.all_reproducers() for format, key in each.covers if format == name}


def test_reproducer_that_succeeds_is_an_error(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fixed.py").write_text('"""A name is lost.\n\nCovers: numpy.save keys/nul\n"""\n\nprint("it is restored")\n')
    monkeypatch.setattr(pages, "REPRODUCERS", tmp_path)
    with pytest.raises(ValueError, match="no longer shows a bug"):
        pages.output_of(pages.read_reproducer(tmp_path / "fixed.py"))


@pytest.mark.skipif(UNDER_TEST not in ("", "numpy"), reason="runs in the numpy environment")
class TestPages:
    """The committed pages are equal to those made from the records, so they were not edited by hand."""

    def test_formats_page_is_current(self) -> None:
        assert (DOCS / "formats.md").read_text(encoding="utf-8") == page(pages.records())

    def test_findings_page_is_current(self) -> None:
        assert (DOCS / "findings.md").read_text(encoding="utf-8") == pages.findings(pages.stored_outputs())

    def test_records_cover_every_format_as_expected(self) -> None:
        rows = [row for record in pages.records() for row in record.rows]
        assert sorted(row.name for row in rows) == sorted(BUILTIN)
        cells = [cell for row in rows for cell in row.cells]
        assert [f"{cell.format} {cell.check}" for cell in cells if cell.failed] == []
        assert [row.name for row in rows if row.missing] == []
        assert all(record.select == ("all",) for record in pages.records())
        assert len(rows) >= 30
        assert sum(cell.verdict is not None for cell in cells) >= 2000

    def test_records_are_compact(self, tmp_path: pathlib.Path) -> None:
        for path in (path for path in pages.RUNS.glob("*.json") if not path.name.endswith(pages.OUTPUT)):
            assert path.stat().st_size < 100_000
            write_compact_record(read_record(path), tmp_path / "again.json")
            assert (tmp_path / "again.json").read_text() == path.read_text()

    def test_report_command_prints_the_formats_page(self) -> None:
        paths = sorted(str(path) for path in pages.RUNS.glob("*.json") if not path.name.endswith(pages.OUTPUT))
        run = subprocess.run([sys.executable, "-m", "pytest_ckpt", "report", *paths], capture_output=True, text=True, check=True)
        assert run.stdout == (DOCS / "formats.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """The record of a run with kept, expected, unexpected and skipped results."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "mylib.py").write_text(
        "import numpy as np\nfrom pytest_ckpt import Format, changed\n"
        "def save(tree, path): np.save(path, tree, allow_pickle=True)\n"
        "declared = {'container/list': changed('np.save makes one array of a list (owner/repo#12)', defect=True)}\n"
        "mine = Format(name='mine', backend='numpy', save=save, load=np.load, suffix='.npy', expected_failures=declared)\n"
    )
    command = [sys.executable, "-m", "pytest_ckpt", "run", "mylib:mine", "--examples=0", "--json=record.json"]
    run = subprocess.run([*command, *map("--select={}".format, SELECT)], cwd=folder, capture_output=True, text=True, check=False)
    assert run.returncode == 1
    return read_record(folder / "record.json")


SELECT = ("container/list", "container/none", "layout/fortran", "dtype/float16", "layout/memory-mapped", "dtype/complex32")


def test_full_record_round_trips(record: Record, tmp_path: pathlib.Path) -> None:
    (row,) = record.rows
    assert row.versions.keys() >= {"pytest-ckpt", "numpy"}
    assert {cell.check for cell in row.cells} == set(SELECT)
    write_record(record, tmp_path / "again.json")
    assert read_record(tmp_path / "again.json") == record


def test_compact_record_gives_the_same_page(record: Record, tmp_path: pathlib.Path) -> None:
    write_compact_record(record, tmp_path / "compact.json")
    compact = read_record(tmp_path / "compact.json")
    assert page([compact]) == page([record])
    assert [(cell.check, cell.verdict, cell.passed) for cell in compact.rows[0].cells] == [
        (cell.check, cell.verdict, cell.passed) for cell in record.rows[0].cells
    ]
    shown, full = ([cell for cell in each.rows[0].cells if cell.check == "container/list"] for each in (compact, record))
    assert (shown[0].counterexample, shown[0].detail) == (full[0].counterexample, full[0].detail)


def test_page_shows_expected_and_unexpected_failures(record: Record) -> None:
    text = page([record])
    for part in (
        "| [mine](#mine) | ",
        "### mine",
        "CHANGED!",
        "UNREADABLE?",
        "CHANGED, a bug: np.save makes one array of a list",
        "[owner/repo#12](https://github.com/owner/repo/issues/12)",
        "UNREADABLE: not expected (`container/none`, ",
    ):
        assert part in text, part
