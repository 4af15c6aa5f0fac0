"""What a run has seen, as a file of JSON: one record a run, one line a cell, from which pages are made later and elsewhere."""

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

#: Temporary folders of this package, one in the other.
_FOLDERS = re.compile(r"(/[^\s/'\"]+)*/pytest-ckpt-[^\s/'\"]+")
#: Fields that a record leaves out: they are stored elsewhere in it, or follow from the name of the check.
_ELSEWHERE = ("format", "backend", "summary", "test")


@dataclasses.dataclass(frozen=True)
class Row:
    """One format of a run: its cells in the order of the checks, or what is ``missing`` that it needs."""

    name: str
    backend: str
    accepts: str | None
    versions: Mapping[str, str]
    cells: tuple[Result, ...]
    missing: str = ""


@dataclasses.dataclass(frozen=True)
class Record:
    """One run: when and where, what was selected, how long it took in seconds, and its formats in the order that they were named."""

    date: str
    machine: str
    select: tuple[str, ...]
    seconds: float
    rows: tuple[Row, ...]


def recorded(
    cells: Iterable[Result], formats: Iterable[Format], missing: Mapping[str, tuple[str, str]], select: Sequence[str], seconds: float
) -> Record:
    """The record of a run that ends now. ``missing`` are backend and reason of the formats that could not be asked, by name."""
    found = [dataclasses.replace(cell, detail=_anywhere(cell.detail)) for cell in cells]
    rows = []
    for format in formats:
        own = sorted((cell for cell in found if cell.format == format.name), key=lambda cell: cell.check)
        accepts = format.accepts if format.save is not None else None
        rows.append(Row(format.name, format.backend, accepts, versions_of(format), tuple(own)))
    rows += [Row(name, backend, None, {}, (), why) for name, (backend, why) in missing.items()]
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return Record(datetime.date.today().isoformat(), machine, tuple(select), round(seconds, 1), tuple(rows))


def _anywhere(text: str) -> str:
    """A detail without the places of the machine that it was seen on: of the environment, and of folders that are gone."""
    return _FOLDERS.sub("<folder>", text.replace(sys.prefix, "<environment>"))


def versions_of(format: Format) -> dict[str, str]:
    """The installed versions of what a format is made of: its framework, what a built-in one needs, and the packages of its functions."""
    names = ["pytest-ckpt", "numpy", "ml_dtypes"]
    if format.backend in BACKENDS:
        names.append(BACKENDS[format.backend][0])
    if format.name in FORMATS:
        names += [distribution for distribution, _ in FORMATS[format.name].needs]
    functions = [getattr(format, field.name) for field in dataclasses.fields(format)]
    names += [each.__module__.split(".")[0] for each in functions if callable(each) and isinstance(each.__module__, str)]
    return {name: version for name in dict.fromkeys(names) if name != "pytest_ckpt" and (version := installed_version(name))}


def write_record(record: Record, path: pathlib.Path) -> None:
    """Writes the record, a line for each cell, in a fixed order."""
    rows = []
    head: dict[str, Any]
    for row in record.rows:
        head = {"name": row.name, "backend": row.backend, "accepts": row.accepts, "versions": row.versions, "missing": row.missing}
        cells = ",\n".join(f"    {json.dumps(_short(cell), ensure_ascii=True)}" for cell in row.cells)
        rows.append(f'  {json.dumps(head)[:-1]}, "cells": [\n{cells}\n  ]}}')
    head = {"date": record.date, "machine": record.machine, "select": record.select, "seconds": record.seconds}
    path.write_text(f'{json.dumps(head)[:-1]}, "formats": [\n' + ",\n".join(rows) + "\n]}\n", encoding="utf-8")


def read_record(path: pathlib.Path) -> Record:
    """The record that `write_record` has written. Raises ValueError for a file that is none."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        rows = tuple(_row(row) for row in data["formats"])
        return Record(data["date"], data["machine"], tuple(data["select"]), data["seconds"], rows)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no record as 'pytest-ckpt run --json' writes it: {type(error).__name__}: {error}") from error


def _row(row: dict[str, Any]) -> Row:
    rest = {"format": row["name"], "backend": row["backend"]}
    cells = tuple(Result.from_json({**rest, **cell, "check": CHECKS.get(cell["check"], cell["check"])}) for cell in row["cells"])
    return Row(row["name"], row["backend"], row["accepts"], row["versions"], cells, row["missing"])


def _short(cell: Result) -> dict[str, Any]:
    """Without what is said elsewhere, and what is as it is by default."""
    told = {name: value for name, value in cell.to_json().items() if name not in _ELSEWHERE and value not in (None, "", 0)}
    return {"check": cell.check, **told, "passed": cell.passed, "seconds": told.get("seconds", 0.0)}


def judged(cells: Iterable[Result]) -> list[Result]:
    """The cells that have a verdict."""
    return [cell for cell in cells if cell.verdict is not None]


def lost(cells: Iterable[Result]) -> list[Result]:
    """The cells whose verdict is not KEPT."""
    return [cell for cell in judged(cells) if cell.verdict is not Verdict.KEPT]
