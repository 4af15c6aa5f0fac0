"""Makes the pages of these folders from runs: `formats.md`, what formats keep, and `findings.md`, every defect that the runs saw,
with lines that show it using that library alone.

    python docs/pages.py show BACKEND    runs the scripts of docs/shown/BACKEND, and notes in docs/runs what they said
    python docs/pages.py write           writes both pages from docs/runs

A script ends with the assertion that what was saved comes back. It shows a defect as long as it fails; one that ends well is an
error here, and so is a declared defect that a run saw and no script shows, or a script that shows what no run saw.
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

from pytest_ckpt.expectations import is_pattern, matches
from pytest_ckpt.reports.markdown import defects, linked, page
from pytest_ckpt.reports.record import Record, Row, read_record
from pytest_ckpt.results import Result
from pytest_ckpt.verdicts import Verdict

DOCS = pathlib.Path(__file__).parent
SHOWN = DOCS / "shown"
RUNS = DOCS / "runs"
#: Seconds that a script may take; one that hangs shows that.
LIMIT = 60
#: What colours a terminal, and where an object lies in memory.
_CHANGING = re.compile(r"\x1b\[[0-9;]*m| at 0x[0-9a-f]+")
#: The line that follows a traceback, and how many lines are shown of what it begins.
_MOST = 6
_ERROR = re.compile(r"^[A-Za-z_][\w.]*(: |$)")


@dataclasses.dataclass(frozen=True)
class Script:
    """One script: what it says of itself, its lines, and the formats and keys of ``expected_failures`` that it shows."""

    name: str
    title: str
    shows: tuple[tuple[str, str], ...]
    upstream: tuple[str, ...]
    lines: str


def read_script(path: pathlib.Path) -> Script:
    """Raises ValueError for a script whose docstring is not a title, then lines that begin with Shows: or Upstream:."""
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))
    if not docstring:
        raise ValueError(f"{path} has no docstring")
    title, _, rest = docstring.partition("\n\n")
    fields = [line.partition(": ") for line in rest.splitlines()]
    if wrong := [field[0] for field in fields if field[0] not in ("Shows", "Upstream")]:
        raise ValueError(f"{path}: {wrong[0]!r} is neither 'Shows: FORMAT KEY' nor 'Upstream: OWNER/REPO#NUMBER'")
    shows = tuple((words[0], words[1]) for kind, _, value in fields if kind == "Shows" and len(words := value.split()) == 2)
    upstream = tuple(value for kind, _, value in fields if kind == "Upstream")
    body = text.split('"""', 2)[2].strip()
    return Script(path.relative_to(SHOWN).as_posix(), " ".join(title.split()), shows, upstream, body)


def scripts_of(backend: str) -> list[Script]:
    """The scripts that are run where this framework is. What they show may be true of formats of others, too."""
    return [read_script(path) for path in sorted((SHOWN / backend).glob("*.py"))]


def all_scripts() -> list[Script]:
    return [script for folder in sorted(SHOWN.iterdir()) if folder.is_dir() for script in scripts_of(folder.name)]


def said_by(script: Script) -> str:
    """What a script ends with, run in an empty folder: its error, or how it died. Raises ValueError if it ends well."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            command = [sys.executable, str(SHOWN / script.name)]
            run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return f"it hangs: not ended within {LIMIT} s"
    if run.returncode == 0:
        raise ValueError(f"{script.name} ends well, so it shows no defect any more: take it out, and the declaration with it")
    if run.returncode < 0:
        return f"the process is ended by signal {-run.returncode}"
    lines = run.stderr.splitlines() or [f"it ends with exit code {run.returncode}, and says nothing"]
    begins = max((place for place, line in enumerate(lines) if _ERROR.match(line)), default=len(lines) - 1)
    text = "\n".join(lines[begins : begins + _MOST]).replace(folder, "<folder>")
    return _CHANGING.sub("", text).strip()


def show(backend: str) -> None:
    said = {script.name: said_by(script) for script in scripts_of(backend)}
    (RUNS / f"{backend}.shown.json").write_text(json.dumps(said, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def records() -> list[Record]:
    return [read_record(path) for path in sorted(RUNS.glob("*.json")) if not path.name.endswith(".shown.json")]


def shown_in(script: Script, rows: Iterable[Row]) -> Iterator[tuple[Row, Result]]:
    """The cells with a defect that a script shows."""
    for row, cell in defects(rows):
        for format, key in script.shows:
            if row.name == format and (cell.key == key or cell.check == key or (is_pattern(key) and matches(cell.check, key))):
                yield row, cell
                break


def said_in_runs() -> dict[str, str]:
    """What each script ended with when it was run."""
    return {name: text for path in sorted(RUNS.glob("*.shown.json")) for name, text in json.loads(path.read_text()).items()}


def findings(said: dict[str, str]) -> str:
    """The page of findings, the worst first. Raises ValueError where runs and scripts do not agree."""
    rows = [row for record in records() for row in record.rows]
    found = {script: list(shown_in(script, rows)) for script in all_scripts()}
    unseen = [f"{script.name}: no run saw what it shows" for script, cells in found.items() if not cells]
    unseen += [f"{script.name}: it was not run" for script in found if script.name not in said]
    shown = {(row.name, cell.check) for cells in found.values() for row, cell in cells}
    unseen += [f"{row.name} {cell.check}: no script shows it" for row, cell in defects(rows) if (row.name, cell.check) not in shown]
    if unseen:
        raise ValueError("\n".join(unseen))
    dates = sorted({record.date for record in records()})
    lines = [
        "# Findings",
        "",
        f"What was declared as a defect and seen as one by `pytest-ckpt run --select all` ({', '.join(dates)}), in the newest releases",
        "that could be installed, each with lines that show it with that library alone: they were run, and end as it says below them. Of",
        "MXNet there are no new releases; it is asked as it was left.",
        "",
        "A defect is the loss of what the format has a place for: against the library's own documentation, unlike what it does",
        "itself elsewhere, with the end of the process, or so that its maintainers call it a bug. What a format has no place for",
        "is a limit of its design, however much it hurts, and stands in [formats.md](formats.md).",
        "",
        "This page is made by `python docs/pages.py write`, from the records in `docs/runs`; nothing here is written by hand but the",
        "lines and their titles, which are the scripts in `docs/shown`.",
        "",
        f"{len(found)} findings, in {len(shown)} cells of {len({name for name, _ in shown})} formats; the worst first:",
        "",
    ]
    numbered = list(enumerate(sorted(found, key=lambda script: (-_worst(found[script]).severity, script.name)), start=1))
    for number, script in numbered:
        formats = ", ".join(dict.fromkeys(row.name for row, _ in found[script]))
        lines.append(f"{number}. [{_worst(found[script])}](#finding-{number}) of {formats}: {script.title}")
    for number, script in numbered:
        lines += ["", *_section(number, script, found[script], said[script.name])]
    return "\n".join(lines) + "\n"


def _worst(cells: list[tuple[Row, Result]]) -> Verdict:
    return max(cell.verdict for _, cell in cells if cell.verdict)


def _section(number: int, script: Script, cells: list[tuple[Row, Result]], said: str) -> list[str]:
    lines = [f'<a id="finding-{number}"></a>', "", f"## {number}. {script.title}", ""]
    lines += ["| format | checks | verdict | why |", "|---|---|---|---|"]
    groups: dict[tuple[str, str, str], list[str]] = {}
    for row, cell in cells:
        why = cell.expectation.why if cell.expectation else ""
        groups.setdefault((row.name, str(cell.verdict), why), []).append(f"`{cell.check}`")
    lines += [f"| {name} | {', '.join(checks)} | {verdict} | {linked(why)} |" for (name, verdict, why), checks in groups.items()]
    pairs = dict.fromkeys(pair for row, _ in cells for pair in row.versions.items() if pair[0] != "pytest-ckpt")
    lines += ["", f"Seen with {', '.join(f'{name} {version}' for name, version in pairs)}."]
    lines += [f"Upstream: {', '.join(map(linked, script.upstream))}."] if script.upstream else []
    row, smallest = min(cells, key=lambda pair: (len(repr(pair[1].counterexample)), pair[1].check))
    detail = smallest.detail.splitlines() or ["nothing more was said"]
    lines += ["", f"The smallest example, of `{row.name}` and `{smallest.check}`:", "", "```text", repr(smallest.counterexample)]
    lines += [*detail[:6], "```", "", "With the library alone:", "", "```python", script.lines, "```", "", "```text", said, "```"]
    return lines


def main(arguments: list[str]) -> int:
    try:
        match arguments:
            case ["show", backend]:
                show(backend)
            case ["write"]:
                (DOCS / "formats.md").write_text(page(records()), encoding="utf-8")
                (DOCS / "findings.md").write_text(findings(said_in_runs()), encoding="utf-8")
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
