"""Measure how long all in-process checks of `torch.save` take, and which of them take longest.

The table has wall time and CPU time. One check runs before the measurement, so that everything that
is imported at first use is imported.
"""

from __future__ import annotations

import importlib.util
import time

from table import Row

from pytest_ckpt import check_format, list_checks
from pytest_ckpt.formats import get_format

LIMIT = 10.0
SHOWN = 5
#: Families that run in worker processes.
IN_WORKERS = ("process", "crash", "corruption", "security")


def main() -> None:
    what = "(d) all in-process checks of torch.save"
    if importlib.util.find_spec("torch") is None:
        Row(what, "", "torch is not installed").send()
        return
    format = get_format("torch.save")
    names = [name for name in list_checks("torch") if name.partition("/")[0] not in IN_WORKERS]
    check_format(format, select=["dtype/float32"])
    start, cpu = time.perf_counter(), time.process_time()
    results = check_format(format, select=names)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    Row(f"{what}: {len(results)}", f"{wall:.1f} s", f"{cpu:.1f} s of CPU time", "", f"under {LIMIT:.0f} s", wall < LIMIT).send()
    for result in sorted(results, key=lambda result: -result.seconds)[:SHOWN]:
        Row(f"    {result.check}, {result.examples} examples", f"{result.seconds:.2f} s", "").send()


if __name__ == "__main__":
    main()
