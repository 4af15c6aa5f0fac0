"""The compact form of the cells of one format: names of checks by outcome, and each reason once.

A format has one line for each of these, if there are such cells:

- ``kept``: KEPT as expected;
- ``skipped``: could not run;
- ``outside``: REFUSED outside the domain of the format, which needs no declaration;
- ``limitations``: KEPT, with a limitation of the format;
- ``expected``: a verdict that an expected failure allows, with the expected failure, and for a bug
  the smallest example;
- ``failed``: not as expected; these cells are stored in full.

Names of checks are stored by family, as in ``{"layout": "fortran transposed"}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..results import Result
from ..verdicts import Verdict

#: A cell and its full JSON.
Cell = tuple[Result, Mapping[str, Any]]


def lines_of(cells: Sequence[Cell]) -> Iterator[tuple[str, str]]:
    """Yield the name and the JSON of each line for the cells of one format."""
    plain: dict[str, list[str]] = {"kept": [], "skipped": [], "outside": []}
    limitations: dict[str, list[str]] = {}
    expected: dict[str, list[Cell]] = {}
    failed: list[Mapping[str, Any]] = []
    for cell, data in cells:
        if cell.failed:
            failed.append(data)
        elif cell.limitation:
            limitations.setdefault(cell.limitation, []).append(cell.check)
        elif cell.expectation is None or (cell.verdict in (None, Verdict.KEPT) and not cell.expectation.flaky):
            plain[_plain_outcome(cell)].append(cell.check)
        elif cell.verdict is None:
            plain["skipped"].append(cell.check)
        else:
            key = json.dumps({"verdict": cell.verdict, "expectation": data["expectation"]})
            expected.setdefault(key, []).append((cell, data))
    for name, checks in plain.items():
        if checks:
            yield name, json.dumps(_by_family(checks))
    if limitations:
        yield "limitations", _list({"why": why, "checks": _by_family(checks)} for why, checks in limitations.items())
    if expected:
        yield "expected", _list(_group(key, group) for key, group in expected.items())
    if failed:
        yield "failed", _list(failed)


def cells_of(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the JSON of each cell of a format in compact form, with the fields that this form keeps."""
    for check in _checks(row.get("kept", {})):
        yield {"check": check, "verdict": "KEPT", "passed": True}
    for check in _checks(row.get("skipped", {})):
        yield {"check": check, "verdict": None, "passed": False, "skipped": "see the full record"}
    for check in _checks(row.get("outside", {})):
        yield {"check": check, "verdict": "REFUSED", "passed": True, "outside": True}
    for group in row.get("limitations", ()):
        for check in _checks(group["checks"]):
            yield {"check": check, "verdict": "KEPT", "passed": True, "limitation": group["why"]}
    for group in row.get("expected", ()):
        expectation = {"when": None, "defect": False, "flaky": False, **group["expectation"]}
        verdict = group.get("verdict", expectation["verdict"])
        example = group.get("example", {})
        for check in _checks(group["checks"]):
            more = example if check == example.get("check") else {}
            yield {"check": check, "verdict": verdict, "passed": True, "expectation": expectation, **more}
    yield from row.get("failed", ())


def _plain_outcome(cell: Result) -> str:
    if cell.verdict is None:
        return "skipped"
    return "kept" if cell.verdict is Verdict.KEPT else "outside"


def _group(key: str, cells: Sequence[Cell]) -> dict[str, Any]:
    """Return cells with the same verdict and the same expected failure, and the smallest example if it is a bug."""
    same = json.loads(key)
    group = {"expectation": {name: value for name, value in same["expectation"].items() if value not in (None, False)}}
    if same["verdict"] != same["expectation"]["verdict"]:
        group["verdict"] = same["verdict"]
    group["checks"] = _by_family([cell.check for cell, _ in cells])
    shown = [pair for pair in cells if pair[0].counterexample is not None]
    if same["expectation"]["defect"] and shown:
        _, data = min(shown, key=lambda pair: (len(repr(pair[0].counterexample)), pair[0].check))
        group["example"] = {name: data[name] for name in ("check", "counterexample", "detail") if name in data}
    return group


def _by_family(checks: Iterable[str]) -> dict[str, str]:
    families: dict[str, list[str]] = {}
    for check in checks:
        family, case = check.split("/", 1)
        families.setdefault(family, []).append(case)
    return {family: " ".join(cases) for family, cases in families.items()}


def _checks(families: Mapping[str, str]) -> Iterator[str]:
    for family, cases in families.items():
        for case in cases.split():
            yield f"{family}/{case}"


def _list(items: Iterable[Mapping[str, Any]]) -> str:
    """Return a JSON list with one line for each item."""
    return "[\n" + ",\n".join(f"      {json.dumps(item)}" for item in items) + "\n    ]"
