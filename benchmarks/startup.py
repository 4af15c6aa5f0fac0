"""Measure the time that the plugin adds to `pytest` in an empty folder.

Pairs of runs with and without the plugin, and without all other plugins. The result is the median
over the pairs, in CPU time (user and system) of the process and in wall time, which other work on the
machine increases.
"""

from __future__ import annotations

import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
import time

from table import Row

PAIRS = 60
LIMIT_MS = 5.0


def environment(cache: str) -> dict[str, str]:
    """Return the environment of a run: compiled files of modules are kept in ``cache``, as for a user's second run."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV"))}
    return {**kept, "PYTHONPYCACHEPREFIX": cache, "PYTHONHASHSEED": "0"}


def other_plugins() -> list[str]:
    """Return the options that disable all other installed plugins."""
    names = {point.name for point in importlib.metadata.entry_points(group="pytest11")} - {"ckpt"}
    return [argument for name in sorted(names) for argument in ("-p", f"no:{name}")]


def run(folder: str, settings: dict[str, str], *options: str) -> tuple[float, float]:
    """Return the CPU and wall milliseconds of one run of pytest."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *other_plugins(), *options]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=settings, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 5:  # no tests were collected
        raise RuntimeError(f"pytest ended with {process.returncode} in an empty folder: {' '.join(command)}")
    return (usage.ru_utime + usage.ru_stime) * 1e3, wall * 1e3


def main() -> None:
    with tempfile.TemporaryDirectory() as cache, tempfile.TemporaryDirectory() as folder:
        settings = environment(cache)
        sides = {"with": (), "without": ("-p", "no:ckpt")}
        for options in sides.values():
            run(folder, settings, *options)
        seen: dict[str, list[tuple[float, float]]] = {"with": [], "without": []}
        for pair in range(PAIRS):
            for side in ("with", "without") if pair % 2 else ("without", "with"):
                seen[side].append(run(folder, settings, *sides[side]))
    for place, clock in enumerate(("CPU", "wall")):
        ours, peer = ([each[place] for each in seen[side]] for side in ("with", "without"))
        added = statistics.median(one - another for one, another in zip(ours, peer, strict=True))
        what, target = f"(a) pytest in an empty folder, {clock} time", f"under {LIMIT_MS:.0f} ms more"
        own, other = f"{statistics.median(ours):.1f} ms", f"{statistics.median(peer):.1f} ms without"
        Row(what, own, other, f"{added:+.1f} ms", target, added < LIMIT_MS).send()


if __name__ == "__main__":
    main()
