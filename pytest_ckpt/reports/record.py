"""The record of a run as a JSON file, from which pages are made later or elsewhere.

`pytest-ckpt run --json FILE` writes a full record, with all that is known of each cell (one check of
one format). `compact` writes a smaller one, with what the pages need. `read_record` reads both.
"""

from __future__ import annotations

import dataclasses
import datetime
import json
import pathlib
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..backends import BUILTIN as BACKENDS
from ..formats import BUILTIN as FORMATS
from ..formats.base import Format
from ..results import Result
from ..util.renamed import CHECKS
from ..util.versions import installed_version
from ..verdicts import Verdict
from . import compact

#: Temporary folders of this package, which may be nested.
_FOLDERS = re.compile(r"(/[^\s/'\"]+)*/pytest-ckpt-[^\s/'\"]+")
#: Fields that a record leaves out: they are stored elsewhere in it, or follow from the name of the check.
_ELSEWHERE = ("format", "backend", "summary", "test")


@dataclasses.dataclass(frozen=True)
class Row:
    """One format of a run, with its cells in the order of the names of the checks.

    If the format could not run, there are no cells, and ``missing`` names the missing requirement. A
    format that saves only models or training runs has None as ``accepts``.
    """

    name: str
    backend: str
    accepts: str | None
    versions: Mapping[str, str]
    cells: tuple[Result, ...]
    missing: str = ""


@dataclasses.dataclass(frozen=True)
class Record:
    """One run: its date, its machine, the selected checks, its duration in seconds, and its formats."""

    date: str
    machine: str
    select: tuple[str, ...]
    seconds: float
    rows: tuple[Row, ...]


def recorded(
    cells: Iterable[Result], formats: Iterable[Format], missing: Mapping[str, tuple[str, str]], select: Sequence[str], seconds: float
) -> Record:
    """Return the record of a run that has just ended.

    ``missing`` maps the names of formats that could not run to their backend and the reason.
    """
    found = [dataclasses.replace(cell, detail=_without_folders(cell.detail)) for cell in cells]
    rows = []
    for format in formats:
        own = sorted((cell for cell in found if cell.format == format.name), key=lambda cell: cell.check)
        accepts = format.accepts if format.save is not None else None
        rows.append(Row(format.name, format.backend, accepts, versions_of(format), tuple(own)))
    rows += [Row(name, backend, None, {}, (), why) for name, (backend, why) in missing.items()]
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return Record(datetime.date.today().isoformat(), machine, tuple(select), round(seconds, 1), tuple(rows))


def _without_folders(text: str) -> str:
    """Return a detail without the folders of this machine: those of the environment, and temporary ones."""
    return _FOLDERS.sub("<folder>", text.replace(sys.prefix, "<environment>"))


def versions_of(format: Format) -> dict[str, str]:
    """Return the versions of the distributions that a format uses.

    These are its framework, the requirements of a built-in format, and the packages of its functions.
    """
    names = ["pytest-ckpt", "numpy", "ml_dtypes"]
    if format.backend in BACKENDS:
        names.append(BACKENDS[format.backend][0])
    if format.name in FORMATS:
        names += [distribution for distribution, _ in FORMATS[format.name].needs]
    functions = [getattr(format, field.name) for field in dataclasses.fields(format)]
    names += [each.__module__.split(".")[0] for each in functions if callable(each) and isinstance(each.__module__, str)]
    return {name: version for name in dict.fromkeys(names) if name != "pytest_ckpt" and (version := installed_version(name))}


def write_record(record: Record, path: pathlib.Path) -> None:
    """Write a full record, with one line for each cell, in a fixed order."""
    rows = []
    for row in record.rows:
        cells = ",\n".join(f"    {json.dumps(_cell_data(cell))}" for cell in row.cells)
        rows.append(f'  {json.dumps(_row_data(row))[:-1]}, "cells": [\n{cells}\n  ]}}')
    path.write_text(f'{json.dumps(_record_data(record))[:-1]}, "formats": [\n' + ",\n".join(rows) + "\n]}\n", encoding="utf-8")


def write_compact_record(record: Record, path: pathlib.Path) -> None:
    """Write a compact record, with one line for each outcome of each format.

    It contains the verdicts of all cells, each reason once for each format, and one example for each
    bug. It does not contain times, reasons for skips, other counterexamples and other details.
    Cells that are not as expected are written in full.
    """
    rows = []
    for row in record.rows:
        lines = [f"    {json.dumps(name)}: {text}" for name, text in compact.lines_of([(cell, _cell_data(cell)) for cell in row.cells])]
        rows.append(f"  {json.dumps(_row_data(row))[:-1]},\n" + ",\n".join([*lines, '    "compact": true}']))
    path.write_text(f'{json.dumps(_record_data(record))[:-1]}, "formats": [\n' + ",\n".join(rows) + "\n]}\n", encoding="utf-8")


def read_record(path: pathlib.Path) -> Record:
    """Return the record in a file, full or compact, of this version or an earlier one.

    Raises ValueError if the file is not a record.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(_row(row) for row in data["formats"])
        return Record(data["date"], data["machine"], tuple(data["select"]), data["seconds"], rows)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is not a record of 'pytest-ckpt run --json': {type(error).__name__}: {error}") from error


def _row(row: Mapping[str, Any]) -> Row:
    cells = compact.cells_of(row) if row.get("compact") else row["cells"]
    same = {"format": row["name"], "backend": row["backend"]}
    results = (Result.from_json({**same, **cell, "check": CHECKS.get(cell["check"], cell["check"])}) for cell in cells)
    ordered = tuple(sorted(results, key=lambda result: result.check))
    return Row(row["name"], row["backend"], row["accepts"], row["versions"], ordered, row["missing"])


def _record_data(record: Record) -> dict[str, Any]:
    return {"date": record.date, "machine": record.machine, "select": record.select, "seconds": record.seconds}


def _row_data(row: Row) -> dict[str, Any]:
    return {"name": row.name, "backend": row.backend, "accepts": row.accepts, "versions": row.versions, "missing": row.missing}


def _cell_data(cell: Result) -> dict[str, Any]:
    """Return the JSON of a cell without fields that are stored elsewhere in the record, and without defaults."""
    data = {name: value for name, value in cell.to_json().items() if name not in _ELSEWHERE and value not in (None, "", 0)}
    return {"check": cell.check, **data, "passed": cell.passed, "seconds": data.get("seconds", 0.0)}


def judged(cells: Iterable[Result]) -> list[Result]:
    """Return the cells that have a verdict."""
    return [cell for cell in cells if cell.verdict is not None]


def lost(cells: Iterable[Result]) -> list[Result]:
    """Return the cells whose verdict is not KEPT."""
    return [cell for cell in judged(cells) if cell.verdict is not Verdict.KEPT]
