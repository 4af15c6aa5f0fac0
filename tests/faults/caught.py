"""Run the fixed examples of a check on a planted fault, and assert that the check fails."""

from __future__ import annotations

import pathlib

from pytest_ckpt import Format, Result
from pytest_ckpt.runner import Runner
from pytest_ckpt.verdicts import Verdict

from .reference import reference_format

#: Reasons why a check is skipped here. No fault can be planted then, so the test compares the skip instead.
CANNOT_BUILD = ("no accelerator on this machine", "has no dtype", "cannot create arrays of dtype")


def assert_caught(backend: str, name: str, fault: str, format: Format, keep_files: pathlib.Path | None = None) -> None:
    """Raise AssertionError unless the check fails, or is skipped for a reason that holds for every format.

    With `keep_files`, the files of the counterexample must be in that folder.
    """
    result = _run_fixed_examples(format, name, keep_files)
    if result.skipped is not None:
        assert any(reason in result.skipped for reason in CANNOT_BUILD), result.skipped
        assert not result.passed
        assert _run_fixed_examples(reference_format(backend), name).skipped == result.skipped
        return
    assert result.failed, f"{name} passes in spite of the planted fault {fault!r}: {result}"
    assert result.verdict is not None
    assert result.verdict >= Verdict.COSTLY
    assert result.counterexample is not None
    assert result.detail
    if keep_files is not None:
        folder = keep_files / format.name / name
        assert list(folder.iterdir()) != []
        assert str(folder) in result.detail


def _run_fixed_examples(format: Format, name: str, keep_files: pathlib.Path | None = None) -> Result:
    with Runner(format, [name], examples=0, shrink=False, keep_files=keep_files) as runner:
        return runner.run(runner.checks[0])
