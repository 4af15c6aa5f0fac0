"""The regressions file: the counterexamples that earlier runs found, by format and check, as readable JSON."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from ..specs import Spec, from_json, to_json
from ..util.renamed import CHECKS

Known = dict[str, dict[str, list[Spec]]]


def read_regressions(path: pathlib.Path) -> Known:
    """Return the counterexamples by format and check, or none if the file does not exist.

    Raises ValueError for a file that `write_regressions` has not written.
    """
    if not path.exists():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {format: {CHECKS.get(check, check): _specs(specs) for check, specs in checks.items()} for format, checks in data.items()}
    except (ValueError, TypeError, AttributeError, OSError, RecursionError) as error:
        raise ValueError(f"{path} is not a regressions file written by --ckpt-update-regressions: {error}") from error


def _specs(data: Any) -> list[Spec]:
    if not isinstance(data, list):
        raise ValueError(f"not a list of specs: {data!r}")
    specs = [from_json(each) for each in data]
    for spec, each in zip(specs, data, strict=True):
        if not isinstance(spec, Spec):
            raise ValueError(f"not a spec: {each!r}")
    return specs


def write_regressions(path: pathlib.Path, known: Mapping[str, Mapping[str, Iterable[Spec]]]) -> None:
    """Write the file in a fixed order, one spec per line. The write is atomic."""
    formats = []
    for format, checks in sorted(known.items()):
        lists = []
        for check, specs in sorted(checks.items()):
            lines = ",\n".join(f"      {json.dumps(to_json(spec))}" for spec in specs)
            lists.append(f"    {json.dumps(check)}: [\n{lines}\n    ]" if lines else f"    {json.dumps(check)}: []")
        formats.append(f"  {json.dumps(format)}: {{\n" + ",\n".join(lists) + "\n  }")
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text("{\n" + ",\n".join(formats) + "\n}\n", encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def merged(known: Known, found: Iterable[tuple[str, str, Spec]]) -> tuple[Known, int]:
    """Return the counterexamples of ``known`` and ``found``, each spec once, and the number of new ones."""
    result = {format: {check: list(specs) for check, specs in checks.items()} for format, checks in known.items()}
    new = 0
    for format, check, spec in found:
        specs = result.setdefault(format, {}).setdefault(check, [])
        if spec not in specs:
            specs.append(spec)
            new += 1
    return result, new
