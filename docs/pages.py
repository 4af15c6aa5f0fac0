"""Make the pages of this folder from records of runs.

`formats.md` describes what each format restores. `findings.md` lists each bug in a library that the
runs found, with a reproducer: a script that shows the bug with that library only.

    python docs/pages.py record FILE BACKEND    write the compact record docs/runs/BACKEND.json
                                                from FILE, a full record of pytest-ckpt run --json
    python docs/pages.py reproduce BACKEND      run the scripts in docs/reproducers/BACKEND and store
                                                their output in docs/runs
    python docs/pages.py write                  write both pages from docs/runs

A reproducer ends with the assertion that the saved object is restored, so it must fail. It is an
error if a reproducer succeeds, if a run found a bug without a reproducer, or if a reproducer is for
a bug that no run found.
"""

from __future__ import annotations

import ast
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator

from pytest_ckpt.expectations import matches
from pytest_ckpt.reports.markdown import defects, linked, page
from pytest_ckpt.reports.record import Record, Row, read_record, write_compact_record
from pytest_ckpt.results import Result
from pytest_ckpt.verdicts import Verdict

DOCS = pathlib.Path(__file__).parent
REPRODUCERS = DOCS / "reproducers"
RUNS = DOCS / "runs"
#: How the names of files with the output of reproducers end.
OUTPUT = ".reproducers.json"
#: Seconds that a reproducer may take. One that takes longer shows that the library hangs.
LIMIT = 60
#: Parts of an output that differ between runs: terminal colors, and addresses in memory.
_VARYING = re.compile(r"\x1b\[[0-9;]*m| at 0x[0-9a-f]+")
#: The first line of an error after its traceback, and the number of lines to show.
_ERROR = re.compile(r"^[A-Za-z_][\w.]*(: |$)")
_LINES = 6


@dataclasses.dataclass(frozen=True)
class Reproducer:
    """One script: its title, its code, and the formats and keys of ``expected_failures`` that it is for.

    ``upstream`` are issues of the library, as owner/repo#number.
    """

    name: str
    title: str
    covers: tuple[tuple[str, str], ...]
    upstream: tuple[str, ...]
    code: str


def read_reproducer(path: pathlib.Path) -> Reproducer:
    """Return the reproducer in a file.

    Its docstring must be a title, then lines that start with "Covers:" or "Upstream:". Raises
    ValueError if it is not.
    """
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    if not docstring:
        raise ValueError(f"{path} has no docstring")
    title, _, rest = docstring.partition("\n\n")
    fields = [line.partition(": ") for line in rest.splitlines()]
    if wrong := [field[0] for field in fields if field[0] not in ("Covers", "Upstream")]:
        raise ValueError(f"{path}: expected 'Covers: FORMAT KEY' or 'Upstream: OWNER/REPO#NUMBER', got {wrong[0]!r}")
    covers = tuple((pair[0], pair[1]) for kind, _, value in fields if kind == "Covers" and len(pair := value.split()) == 2)
    upstream = tuple(value for kind, _, value in fields if kind == "Upstream")
    code = text.split('"""', 2)[2].strip()
    return Reproducer(path.relative_to(REPRODUCERS).as_posix(), " ".join(title.split()), covers, upstream, code)


def reproducers_of(backend: str) -> list[Reproducer]:
    """Return the reproducers that run with one framework. They may also cover formats of other frameworks."""
    return [read_reproducer(path) for path in sorted((REPRODUCERS / backend).glob("*.py"))]


def all_reproducers() -> list[Reproducer]:
    """Return the reproducers for all frameworks."""
    return [each for folder in sorted(REPRODUCERS.iterdir()) if folder.is_dir() for each in reproducers_of(folder.name)]


def output_of(reproducer: Reproducer) -> str:
    """Run a reproducer in an empty folder and return its error, or how its process ended.

    Raises ValueError if it succeeds.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = [sys.executable, str(REPRODUCERS / reproducer.name)]
            run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return f"The process hangs: it did not end within {LIMIT} s."
    if run.returncode == 0:
        raise ValueError(f"{reproducer.name} succeeds, so it no longer shows a bug: remove it and the entries in expected_failures")
    if run.returncode < 0:
        return f"The process was ended by signal {-run.returncode}."
    lines = run.stderr.splitlines() or [f"The process ended with exit code {run.returncode} and without output."]
    start = max((index for index, line in enumerate(lines) if _ERROR.match(line)), default=len(lines) - 1)
    text = "\n".join(lines[start : start + _LINES]).replace(folder, "<folder>")
    return _VARYING.sub("", text).strip()


def reproduce(backend: str) -> None:
    """Run the reproducers of one framework and store their output."""
    outputs = {each.name: output_of(each) for each in reproducers_of(backend)}
    (RUNS / f"{backend}{OUTPUT}").write_text(json.dumps(outputs, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def stored_outputs() -> dict[str, str]:
    """Return the stored output of each reproducer by its name."""
    return {name: text for path in sorted(RUNS.glob(f"*{OUTPUT}")) for name, text in json.loads(path.read_text()).items()}


def records() -> list[Record]:
    """Return the records in docs/runs."""
    return [read_record(path) for path in sorted(RUNS.glob("*.json")) if not path.name.endswith(OUTPUT)]


def covered(reproducer: Reproducer, rows: Iterable[Row]) -> Iterator[tuple[Row, Result]]:
    """Yield the cells with a bug that a reproducer covers."""
    for row, cell in defects(rows):
        if any(row.name == format and matches(cell.check, key) for format, key in reproducer.covers):
            yield row, cell


def findings(outputs: dict[str, str]) -> str:
    """Return the page of findings, the worst first. Raises ValueError if the records and the reproducers disagree."""
    rows = [row for record in records() for row in record.rows]
    found = {reproducer: list(covered(reproducer, rows)) for reproducer in all_reproducers()}
    problems = [f"{reproducer.name}: no run found the bug" for reproducer, cells in found.items() if not cells]
    problems += [f"{reproducer.name}: it was not run" for reproducer in found if reproducer.name not in outputs]
    reproduced = {(row.name, cell.check) for cells in found.values() for row, cell in cells}
    problems += [f"{row.name} {cell.check}: no reproducer" for row, cell in defects(rows) if (row.name, cell.check) not in reproduced]
    if problems:
        raise ValueError("\n".join(problems))
    dates = sorted({record.date for record in records()})
    lines = [
        "# Findings",
        "",
        f"Bugs in libraries that `pytest-ckpt run --select all` found ({', '.join(dates)}), with the newest releases that could be",
        "installed. MXNet has no new releases, so its last one was tested. Each finding has a reproducer that uses the library only.",
        "The output below each reproducer is from a real run.",
        "",
        "A failure is a bug if the format has a way to store something and the library still loses it: contrary to its own",
        "documentation, unlike its own behavior elsewhere, or by ending the process. It is also a bug if the maintainers call it one.",
        "What a format has no way to store is a limitation, however serious the consequences; see [formats.md](formats.md).",
        "",
        "`python docs/pages.py write` makes this page from the records in `docs/runs` and the scripts in `docs/reproducers`. Do not",
        "edit it.",
        "",
        f"{len(found)} findings, in {len(reproduced)} cells of {len({name for name, _ in reproduced})} formats, the worst first:",
        "",
    ]
    numbered = list(enumerate(sorted(found, key=lambda each: (-_worst(found[each]).severity, each.name)), start=1))
    for number, reproducer in numbered:
        formats = ", ".join(dict.fromkeys(row.name for row, _ in found[reproducer]))
        lines.append(f"{number}. [{_worst(found[reproducer])}](#finding-{number}) in {formats}: {reproducer.title}")
    for number, reproducer in numbered:
        lines += ["", *_section(number, reproducer, found[reproducer], outputs[reproducer.name])]
    return "\n".join(lines) + "\n"


def _worst(cells: list[tuple[Row, Result]]) -> Verdict:
    return max(cell.verdict for _, cell in cells if cell.verdict)


def _section(number: int, reproducer: Reproducer, cells: list[tuple[Row, Result]], output: str) -> list[str]:
    lines = [f'<a id="finding-{number}"></a>', "", f"## {number}. {reproducer.title}", ""]
    lines += ["| format | checks | verdict | reason |", "|---|---|---|---|"]
    groups: dict[tuple[str, str, str], list[str]] = {}
    for row, cell in cells:
        why = cell.expectation.why if cell.expectation else ""
        groups.setdefault((row.name, str(cell.verdict), why), []).append(f"`{cell.check}`")
    lines += [f"| {name} | {', '.join(checks)} | {verdict} | {linked(why)} |" for (name, verdict, why), checks in groups.items()]
    pairs = dict.fromkeys(pair for row, _ in cells for pair in row.versions.items() if pair[0] != "pytest-ckpt")
    lines += ["", f"Versions: {', '.join(f'{name} {version}' for name, version in pairs)}."]
    lines += [f"Upstream: {', '.join(map(linked, reproducer.upstream))}."] if reproducer.upstream else []
    # A compact record has an example for only some of the cells.
    shown = [pair for pair in cells if pair[1].counterexample is not None] or cells
    row, smallest = min(shown, key=lambda pair: (len(repr(pair[1].counterexample)), pair[1].check))
    lines += ["", f"The smallest example, for the format `{row.name}` and the check `{smallest.check}`:", "", "```text"]
    lines += [repr(smallest.counterexample), *smallest.detail.splitlines()[:6], "```", ""]
    lines += ["Reproducer:", "", "```python", reproducer.code, "```", "", "Output:", "", "```text", output, "```"]
    return lines


def main(arguments: list[str]) -> int:
    """Run one of the commands that the docstring of this module lists."""
    try:
        match arguments:
            case ["record", file, backend]:
                write_compact_record(read_record(pathlib.Path(file)), RUNS / f"{backend}.json")
            case ["reproduce", backend]:
                reproduce(backend)
            case ["write"]:
                (DOCS / "formats.md").write_text(page(records()), encoding="utf-8")
                (DOCS / "findings.md").write_text(findings(stored_outputs()), encoding="utf-8")
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
