"""Measure how long it takes to judge 1,000 damaged copies of one checkpoint.

Each copy is written, loaded by a worker, and compared. The wall time includes the start of the worker
and the save of the intact checkpoint, but no imports of this process.
"""

from __future__ import annotations

import collections
import importlib.util
import time

from table import Row

from pytest_ckpt.checks import CHECKS
from pytest_ckpt.execution.dispatch import expand
from pytest_ckpt.formats import get_format
from pytest_ckpt.runner import Runner
from pytest_ckpt.specs import DamageSweep

COPIES = 1000
LIMIT = 30.0
FORMATS = ("numpy.save", "numpy.savez", "torch.save")
#: Elements of a tensor. Each copy has another damaged byte, so there must be enough bytes.
ELEMENTS = 512


def main() -> None:
    check = CHECKS["corruption/bit-flip-payload"]
    for name in FORMATS:
        what = f"(e) {COPIES} damaged copies of a checkpoint of {name}"
        if importlib.util.find_spec(name.split(".")[0]) is None:
            Row(what, "", f"{name.split('.')[0]} is not installed").send()
            continue
        with Runner(get_format(name), [check.name]) as runner:
            start = time.perf_counter()
            general = DamageSweep(check.name, runner.profile.subject(size=ELEMENTS), count=COPIES)
            copies = list(expand(runner.context, general))
            verdicts = collections.Counter(str(runner.judge(check, copy).verdict) for copy in copies)
            wall = time.perf_counter() - start
        counted = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
        met = wall < LIMIT and len(copies) == COPIES
        Row(what, f"{wall:.1f} s", counted, "", f"under {LIMIT:.0f} s", met).send()


if __name__ == "__main__":
    main()
