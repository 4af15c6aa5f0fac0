"""Measure how fast small tensors are drawn, relative to plain integers and to two similar packages.

The unit is examples per second of CPU time. All strategies run through the same `@given`, in turns,
and the ratio is the median over the rounds. The other packages draw shapes that are smaller on
average, and all dtypes that they have. No strategy draws sparse tensors.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import time
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.control import current_build_context
from hypothesis.extra import numpy as numpy_strategies
from table import Row

from pytest_ckpt import strategies

ROUNDS = 9
EXAMPLES = 300
LEAST_RATIO = 0.6


def draw(strategy: st.SearchStrategy[Any], number: int) -> tuple[float, int]:
    """Return the examples per second of CPU time in round ``number``, and the most choices of one example."""
    counts = []

    @seed(number)
    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def visit(value: object) -> None:
        counts.append(len(current_build_context().data.nodes))

    start = time.process_time()
    visit()
    return len(counts) / (time.process_time() - start), max(counts)


def peer(backend: str) -> tuple[str, st.SearchStrategy[Any] | None]:
    """Return the name of another strategy for tensors of this framework, and the strategy if it is installed."""
    shapes = numpy_strategies.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
    if backend == "numpy":
        return "hypothesis.extra.numpy.arrays", numpy_strategies.arrays(numpy_strategies.scalar_dtypes(), shapes)
    if importlib.util.find_spec("hypothesis_torch") is None:
        return "hypothesis-torch", None
    import hypothesis_torch
    import torch

    dtypes = hypothesis_torch.dtype_strategy()
    return "hypothesis-torch", hypothesis_torch.tensor_strategy(dtypes, shapes, layout=torch.strided)


def main(backend: str) -> None:
    if importlib.util.find_spec(backend) is None:
        Row(f"(b) {backend} tensors drawn", "", f"{backend} is not installed").send()
        return
    ours = strategies.tensors(backend)
    choices = draw(ours, 0)[1]
    name, other = peer(backend)
    racing = {"ours": ours, "integers": st.tuples(*[st.integers(0, 255)] * choices)}
    if other is not None:
        racing["peer"] = other
    speeds: dict[str, list[float]] = {side: [] for side in racing}
    for strategy in racing.values():
        draw(strategy, 0)
    for number in range(1, ROUNDS + 1):
        for side, strategy in racing.items():
            speeds[side].append(draw(strategy, number)[0])
    what, own = f"(b) {backend} tensors drawn", f"{statistics.median(speeds['ours']):.0f}/s"
    for side, title, least in (("integers", f"{choices} integers", LEAST_RATIO), ("peer", name, 1.0)):
        target = f"{least} or more" if side == "integers" else "over 1"
        if side not in speeds:
            Row(what, own, f"{title} is not installed", "", target).send()
            continue
        ratio = statistics.median(mine / theirs for mine, theirs in zip(speeds["ours"], speeds[side], strict=True))
        Row(what, own, f"{statistics.median(speeds[side]):.0f}/s {title}", f"{ratio:.2f}", target, ratio >= least).send()


if __name__ == "__main__":
    main(sys.argv[1])
