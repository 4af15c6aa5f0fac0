"""Measure this package and similar ones, and print one table.

    python benchmarks/run.py [startup drawing comparing checking damaging]

Nothing is asserted. The exit code is 0 if everything could be measured. Each measurement is a fresh
process.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys

from table import received, table

#: The measurements: the name of a module in this folder, and the arguments of each process that runs it.
MEASUREMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "startup": ((),),
    "drawing": (("numpy",), ("torch",)),
    "comparing": (("numpy",), ("torch",)),
    "checking": ((),),
    "damaging": ((),),
}
#: Plugins of Hypothesis are disabled. That of hypothesis-torch seeds torch before every example of any
#: strategy, and if all sides are slower by the same time, the ratios are closer to one.
ENVIRONMENT = {**os.environ, "HYPOTHESIS_NO_PLUGINS": "1"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(MEASUREMENTS)} (default: all)")
    names = parser.parse_args().names or list(MEASUREMENTS)
    if unknown := [name for name in names if name not in MEASUREMENTS]:
        parser.error(f"unknown: {', '.join(unknown)}; possible are: {', '.join(MEASUREMENTS)}")
    rows = []
    broken = 0
    for name in names:
        for arguments in MEASUREMENTS[name]:
            print(f"measuring {' '.join((name, *arguments))}", file=sys.stderr, flush=True)
            command = [sys.executable, str(pathlib.Path(__file__).with_name(f"{name}.py")), *arguments]
            finished = subprocess.run(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, check=False)
            broken += finished.returncode != 0
            rows += received(finished.stdout)
    print(table(rows))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
