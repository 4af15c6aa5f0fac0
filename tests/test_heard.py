"""What counts as a report that a file does not fit: a warning, a log record or a returned report that names the leaf."""

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
def test_a_record_counts_where_it_names_the_leaf_or_its_layer(text: str, counts: bool) -> None:
    with capturing() as heard:
        logging.getLogger("tests.heard").warning(text)
    assert heard.names("layer1.weight") is counts


def test_a_warning_counts_unless_it_is_about_code() -> None:
    with capturing() as heard:
        warnings.warn("this function is deprecated", DeprecationWarning, stacklevel=1)
    assert not heard.names("layer1.weight")
    with capturing() as heard:
        warnings.warn("three tensors were not loaded", UserWarning, stacklevel=1)
    assert heard.names("layer1.weight")


def test_a_record_of_a_logger_that_tells_nobody_else_counts() -> None:
    logger = logging.getLogger("tests.heard.deaf")
    logger.propagate = False
    with capturing() as heard:
        logger.info("layer1.bias: below what counts")
        assert not heard.names("layer1.bias")
        logger.warning("not in the file: layer1.bias")
    assert heard.names("layer1.bias")
    assert not heard.names("layer2.bias")
    assert logger.handlers == []


def test_a_report_that_is_returned_counts() -> None:
    report = namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])
    with capturing() as heard:
        heard.returned(report(["layer1.bias"], []))
    assert heard.names("layer1.bias")
    assert not heard.names("layer2.bias")


def test_what_is_said_of_every_file_does_not_count() -> None:
    with capturing() as usual:
        warnings.warn("layer1 was loaded in 12 ms", UserWarning, stacklevel=1)
    with capturing() as heard:
        warnings.warn("layer1 was loaded in 34 ms", UserWarning, stacklevel=1)
    assert heard.names("layer1.bias")
    assert not heard.names("layer1.bias", usual.said())


def test_listening_leaves_filters_and_loggers_as_they_were() -> None:
    handlers, filters = list(logging.getLogger().handlers), list(warnings.filters)
    with pytest.raises(KeyError), capturing():
        raise KeyError
    assert (list(logging.getLogger().handlers), list(warnings.filters)) == (handlers, filters)
