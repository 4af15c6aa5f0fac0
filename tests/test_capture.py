"""Captured warnings, log records and returned reports: which of them report a mismatch of a leaf."""

from __future__ import annotations

import logging
import warnings
from collections import namedtuple

import pytest

from pytest_ckpt.execution.capture import capturing


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("missing: layer1.weight", True),
        ("no value for layer1/weight in the file", True),
        ("('layer1', 'weight') was not restored", True),
        ("layer1 was skipped", True),
        ("layer10 was skipped", False),
        ("layer1.bias was skipped", True),
        ("weight was skipped", False),
        ("some things were skipped", False),
    ],
)
def test_log_record_counts_if_it_names_leaf_or_layer(text: str, counts: bool) -> None:
    with capturing() as captured:
        logging.getLogger("tests.capture").warning(text)
    assert captured.reports("layer1.weight") is counts


def test_warning_counts_unless_it_is_a_deprecation() -> None:
    with capturing() as captured:
        warnings.warn("this function is deprecated", DeprecationWarning, stacklevel=1)
    assert not captured.reports("layer1.weight")
    with capturing() as captured:
        warnings.warn("three tensors were not loaded", UserWarning, stacklevel=1)
    assert captured.reports("layer1.weight")


def test_log_record_counts_without_propagation() -> None:
    logger = logging.getLogger("tests.capture.private")
    logger.propagate = False
    with capturing() as captured:
        logger.info("layer1.bias: a level that does not count")
        assert not captured.reports("layer1.bias")
        logger.warning("not in the file: layer1.bias")
    assert captured.reports("layer1.bias")
    assert not captured.reports("layer2.bias")
    assert logger.handlers == []


def test_returned_report_counts() -> None:
    report = namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])
    with capturing() as captured:
        captured.add_report(report(["layer1.bias"], []))
    assert captured.reports("layer1.bias")
    assert not captured.reports("layer2.bias")


def test_warning_that_every_load_gives_does_not_count() -> None:
    with capturing() as usual:
        warnings.warn("layer1 was loaded in 12 ms", UserWarning, stacklevel=1)
    with capturing() as captured:
        warnings.warn("layer1 was loaded in 34 ms", UserWarning, stacklevel=1)
    assert captured.reports("layer1.bias")
    assert not captured.reports("layer1.bias", usual.messages())


def test_capturing_restores_filters_and_loggers() -> None:
    handlers, filters = list(logging.getLogger().handlers), list(warnings.filters)
    with pytest.raises(KeyError), capturing():
        raise KeyError
    assert (list(logging.getLogger().handlers), list(warnings.filters)) == (handlers, filters)
