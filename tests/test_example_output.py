"""A failure shows what its example printed, logged and warned about, and not the output of the other examples."""

from __future__ import annotations

import pytest

MODULE = """
import logging, os, pickle, warnings
import numpy as np
from pytest_ckpt import conformance

class OldFormat(UserWarning):
    pass

def save(tree, path):
    path.write_bytes(pickle.dumps(tree))
    print("saves", tree.shape)

def load(path):
    tree = pickle.loads(path.read_bytes())
    print("loads", tree.shape)
    os.write(2, f"from C {tree.shape}\\\\n".encode())
    logging.getLogger("mylib").warning("logs %s", tree.shape)
    warnings.warn(f"warns {tree.shape}", OldFormat)
    return tree

def load_wrong(path):
    return load(path) * 0

def case(name, load):
    options = {"backend": "numpy", "accepts": "tensor", "select": ["shape/plain"], "examples": 20}
    return conformance(name=name, save=save, load=load, **options)

@case("wrong", load_wrong)
def test_wrong(check):
    print("before the check")
    check()

@case("correct", load)
def test_correct(check):
    check()
"""


@pytest.fixture
def text(request: pytest.FixtureRequest, pytester: pytest.Pytester) -> str:
    pytester.makepyfile(test_it=MODULE)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *request.param)
    assert result.parseoutcomes()["failed"] == 1
    return result.stdout.str()


@pytest.mark.parametrize("text", [(), ("-n2",)], indirect=True, ids=["one-process", "workers"])
def test_shows_only_output_of_the_example(text: str) -> None:
    assert "counterexample: TensorSpec('float32', (2,)" in text
    for word, times in {"saves": 1, "loads": 1, "from C": 1, "logs": 1}.items():
        assert text.count(f"{word} (") == times, word
        assert text.count(f"{word} (2,)") == times, word
    assert text.count("before the check") == 1


@pytest.mark.parametrize("text", [()], indirect=True)
def test_warnings_are_one_for_each_line_of_code(text: str) -> None:
    """The failing test warns once for its example, and the passing test once for all of its examples."""
    assert text.count("OldFormat: warns (2,)") >= 1
    assert text.count("OldFormat: warns") <= 2


@pytest.mark.parametrize("text", [("-s",)], indirect=True)
def test_everything_is_printed_without_capture(text: str) -> None:
    assert text.count("loads (") > 20
