"""The file of counterexamples that were found: specs, by format and check, as readable JSON beside the user's project."""

from __future__ import annotations

import json
import os
import pathlib
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from .specs import Spec, from_json, to_json

Known = dict[str, dict[str, list[Spec]]]


def read_regressions(path: pathlib.Path) -> Known:
    """The counterexamples by format and check; none if there is no file. Raises ValueError for a file that is none of ours."""
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {format: {check: [from_json(spec) for spec in specs] for check, specs in checks.items()} for format, checks in data.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no file of regressions as --ckpt-update-regressions writes it: {error}") from error


def write_regressions(path: pathlib.Path, known: Mapping[str, Mapping[str, Iterable[Spec]]]) -> None:
    """Writes the file anew, in a fixed order, by way of a temporary file beside it, so that it is never half written."""
    data: dict[str, Any] = {
        format: {check: [to_json(spec) for spec in specs] for check, specs in sorted(checks.items())}
        for format, checks in sorted(known.items())
        if checks
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        json.dump(data, file, indent=2, sort_keys=False)
        file.write("\n")
    os.replace(file.name, path)


def merged(known: Known, found: Iterable[tuple[str, str, Spec]]) -> Known:
    """What was known and what was found, each spec once."""
    result = {format: {check: list(specs) for check, specs in checks.items()} for format, checks in known.items()}
    for format, check, spec in found:
        specs = result.setdefault(format, {}).setdefault(check, [])
        if spec not in specs:
            specs.append(spec)
    return result
