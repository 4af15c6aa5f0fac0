"""A failure states its cause first, then the worst difference, then the others, and the line of the user's code."""

from __future__ import annotations

import json
import pathlib
import pickle
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pytest_ckpt import Format, Result, changed, check_format, differences
from pytest_ckpt.messages import describe
from pytest_ckpt.verdicts import Difference

FAST: dict[str, Any] = {"examples": 0}


class UnknownVersion(Exception):
    pass


def _save(tree: Any, path: pathlib.Path) -> None:
    path.write_bytes(pickle.dumps(tree))


def _load(path: pathlib.Path) -> Any:
    return pickle.loads(path.read_bytes())


def _run(select: str = "shape/plain", **fields: Any) -> Result:
    given = {"name": "mine", "backend": "numpy", "accepts": "tensor", "save": _save, "load": _load, **fields}
    (result,) = check_format(Format(**given), select=select, **FAST)
    return result


def _line_of(text: str) -> int:
    """Return the number of the line of this file that ends with a text."""
    lines = pathlib.Path(__file__).read_text(encoding="utf-8").splitlines()
    (number,) = [number for number, line in enumerate(lines, 1) if line.strip().endswith(text)]
    return number


def _load_renamed(path: pathlib.Path) -> Any:
    return {"new": _load(path)}["old"]  # raises


def _header(path: pathlib.Path) -> Any:
    try:
        return json.loads("{")
    except ValueError as error:
        raise KeyError("header") from error  # of the header


def _load_with_causes(path: pathlib.Path) -> Any:
    try:
        return _header(path)
    except KeyError as error:
        raise UnknownVersion("cannot read the checkpoint") from error  # of the loader


def _load_with_library(path: pathlib.Path) -> Any:
    return np.load(path, allow_pickle=False)  # calls numpy


def _load_with_compiled_module(path: pathlib.Path) -> Any:
    exec(compile("{}['header']", "library/error.pxi", "exec"))  # calls Cython


class Loader:
    def load(self, path: pathlib.Path) -> Any:
        raise UnknownVersion(7)  # in a method


def test_names_function_and_line_that_raised() -> None:
    text = str(_run(load=_load_renamed)).splitlines()
    assert text[0] == "mine [shape/plain]: UNREADABLE: load raised KeyError: 'old'"
    assert text[1].endswith(f'test_messages.py:{_line_of("# raises")}, in _load_renamed: return {{"new": _load(path)}}["old"]  # raises')
    assert _run().passed


@pytest.mark.parametrize("isolate", [False, True])
def test_names_each_cause_with_its_line(isolate: bool) -> None:
    result = _run(load=_load_with_causes, isolate=isolate)
    lines = str(result).splitlines()
    assert lines[0].startswith(
        "mine [shape/plain]: UNREADABLE: load raised UnknownVersion: cannot read the checkpoint (caused by JSONDecodeError: "
    )
    assert f"test_messages.py:{_line_of('# of the loader')}, in _load_with_causes: " in lines[1]
    assert lines[2] == "    caused by KeyError: 'header'"
    assert f"test_messages.py:{_line_of('# of the header')}, in _header: " in lines[3]
    assert lines[4].startswith("    caused by JSONDecodeError: ")
    assert lines[6].startswith("        raised at json/decoder.py:")
    assert result.traceback.splitlines()[-1].endswith("UnknownVersion: cannot read the checkpoint")
    assert "user_code.py" not in result.traceback
    assert "Traceback" not in json.dumps(result.to_json())
    assert Result.from_json(json.loads(json.dumps(result.to_json()))).detail == result.detail


@pytest.mark.parametrize(("load", "mark", "function"), [
    (_load_with_library, "# calls numpy", "_load_with_library"),
    (_load_with_compiled_module, "# calls Cython", "_load_with_compiled_module"),
    (Loader().load, "# in a method", "load"),
    (lambda path: {}["lambda"], '# as a lambda', "<lambda>"),  # as a lambda
], ids=["library", "compiled", "method", "lambda"])  # fmt: skip
@pytest.mark.parametrize("isolate", [False, True])
def test_line_is_in_user_code(load: Callable[..., Any], mark: str, function: str, isolate: bool) -> None:
    text = str(_run(load=load, isolate=isolate))
    assert f"test_messages.py:{_line_of(mark)}, in {function}: " in text.splitlines()[1]
    assert ("raised at numpy/" in text) is (mark == "# calls numpy")


def test_long_message_keeps_head_and_tail() -> None:
    def load(path: pathlib.Path) -> Any:
        raise ValueError(f"cannot load {path}: {'many words ' * 500} because of argparse.Namespace")

    result = _run(load=load)
    first, *rest = str(result).splitlines()
    assert first.startswith("mine [shape/plain]: UNREADABLE: load raised ValueError: cannot load <folder>/checkpoint: many words")
    assert first.endswith("because of argparse.Namespace")
    assert len(first) < 300
    assert "because of argparse.Namespace" in rest[0]
    assert len(result.detail) < 3000


def test_long_message_of_many_lines_states_its_error_first() -> None:
    def load(path: pathlib.Path) -> Any:
        lines = [f"  size mismatch for layer{number}.weight" for number in range(90)]
        raise RuntimeError("\n".join(["cannot load the state:", *lines, "ValueError: the file is of version 3", "see the documentation"]))

    first, *rest = str(_run(load=load)).splitlines()
    assert first.endswith("… ValueError: the file is of version 3")
    assert rest[0] == "    RuntimeError: cannot load the state:"
    assert "    … (81 more lines)" in rest
    assert rest[12].strip() == "see the documentation"


def test_names_exceptions_of_group_and_notes() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        error = ExceptionGroup("two shards failed", [OSError("disk full"), ValueError("no key")])
        error.add_note("while saving shard 3")
        raise error

    result = _run(save=save)
    assert result.verdict == "REFUSED"
    for text in ("save raised ExceptionGroup", "disk full", "no key", "while saving shard 3"):
        assert text in result.detail.splitlines()[0]


def test_function_with_cut_source_is_named() -> None:
    """Code without a file, as of an interactive session, still has a function and a line."""
    space: dict[str, Any] = {}
    exec("def load(path):\n    raise KeyError('here')", space)
    assert "at <string>:2, in load" in _run(load=space["load"]).detail


def test_names_the_function_of_models_and_runs() -> None:
    def wait(returned: Any) -> None:
        raise TimeoutError("the queue is full")

    assert _run(wait=wait).detail.startswith("wait raised TimeoutError: the queue is full")


def test_worst_difference_comes_first() -> None:
    expected = {"a": [1, 2], "b": {"c": 1.0}, "d": np.zeros(3)}
    actual = {"a": (1, 2), "b": {"c": 2.0}, "d": np.zeros(3)}
    found = differences(actual, expected)
    assert [each.aspect for each in found] == ["container", "values"]
    assert describe(found).splitlines() == ["['b']['c']: values: expected 1.0, got 2.0", "['a']: container: expected list, got tuple"]


def _state(step: int, factor: float) -> Any:
    slots = {f"slot{number}": np.arange(1.0, 5.0) * factor + number for number in range(12)}
    return {"model": {"w": np.ones(3)}, "optimizer": slots, "schedule": {"last_epoch": step}, "rng": [1, 2, 3]}


def test_many_differences_are_one_line_for_each_part() -> None:
    text = describe(differences(_state(1, 1.5), _state(5, 1.0)))
    lines = text.splitlines()
    assert lines[0] == "['optimizer']['slot0']: values: 4 of 4 elements differ"
    assert lines[-3:] == [
        "in total, 13 of 17 entries differ:",
        "    optimizer: 12 of 12 entries differ (values)",
        "    schedule: last_epoch: values: expected 5, got 1",
    ]
    assert describe(differences(_state(1, 1.0), _state(5, 1.0))) == "['schedule']['last_epoch']: values: expected 5, got 1"


def test_one_wrong_leaf_of_many_is_the_only_line() -> None:
    expected = {f"w{number}": number for number in range(50)}
    assert describe(differences({**expected, "w7": 0}, expected)) == "['w7']: values: expected 7, got 0"
    text = describe(differences(dict.fromkeys(expected, -1), expected))
    assert text.splitlines()[-2:] == ["and 42 more differences", "in total, 50 of 50 entries differ"]


def test_cause_of_several_leaves_is_the_first_line() -> None:
    expected = {name: np.arange(1.0, 5.0) for name in "abc"}
    lines = describe(differences({name: np.zeros(4) for name in "abc"}, expected)).splitlines()
    assert lines[0] == "all elements are zero, so no data was read into the tensor (in 3 entries)"
    assert "likely cause" not in "\n".join(lines)
    one = describe(differences({**expected, "b": np.zeros(4)}, expected))
    assert one.startswith("all elements are zero, so no data was read into the tensor (in ['b'])\n")


def test_known_cause_is_used_only_for_lost_values() -> None:
    mild = Difference("['a']", "order", "a", "b")
    assert describe([mild], cause="nothing was loaded") == str(mild)
    lost = Difference("['a']", "values", "1", "2")
    assert describe([mild, lost], cause="nothing was loaded").splitlines() == ["nothing was loaded", str(lost), str(mild)]


def test_kept_limitation_names_the_line_to_remove() -> None:
    result = _run(expected_failures={"shape/plain": changed("it loses the shape")})
    assert "KEPT: the declared failure no longer exists: remove the line for 'shape/plain' from expected_failures" in str(result)
    assert not result.passed


MODULE = """
import pickle
from pytest_ckpt import conformance

def save(tree, path):
    path.write_bytes(pickle.dumps({"new": tree}))

def load(path):
    return pickle.loads(path.read_bytes())["old"]

def load_new(path):
    return pickle.loads(path.read_bytes())["new"]

@conformance(name="mine", backend="numpy", save=save, load=load, accepts="tensor", select=["shape/plain"])
def test_it(check):
    check()

@conformance(name="correct", backend="numpy", save=save, load=load_new, accepts="tensor", select=["shape/plain"])
def test_other(check):
    check()
"""


@pytest.mark.parametrize("options", [(), ("-n2",), ("--tb=short",), ("--tb=line",), ("-v",)], ids=str)
def test_short_summary_states_verdict_and_cause(
    pytester: pytest.Pytester, options: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_it=MODULE)
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("CI", "BUILD_NUMBER"):
        monkeypatch.delenv(name, raising=False)
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider", *options)
    assert result.parseoutcomes() == {"passed": 1, "failed": 1}
    result.stdout.fnmatch_lines(["FAILED test_it.py::test_it?shape/plain? - UNREADABLE: KeyError: 'old'"])
    assert "Traceback" not in result.stdout.str()


def test_long_traceback_is_that_of_the_user(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_it=MODULE)
    text = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--tb=long").stdout.str()
    assert re.search(r'Traceback \(most recent call last\):\n  File "[^"]*test_it.py", line 8, in load\n', text)
    assert "bound_check.py" not in text
