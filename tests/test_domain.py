"""Formats that accept only some dtypes, shapes or keys: every family runs within them, and nothing is lost silently elsewhere."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_ckpt import Format, Verdict, check_format
from pytest_ckpt.checks import FormatProfile, checks_for
from pytest_ckpt.runner.domain_search import find_domain
from pytest_ckpt.specs import DictSpec, Fill, LayerSpec, Mismatch, ModelSpec, TensorSpec
from pytest_ckpt.specs.domain import Domain
from pytest_ckpt.specs.fitting import fitted
from pytest_ckpt.specs.shapes import matches, nearest_shapes
from pytest_ckpt.strategies import dict_specs, tensor_specs

from .pickle_format import load_pickle, pickle_format, save_pickle

MATRICES = {"dtypes": ["int16"], "shapes": [(None, None)]}


def _save_heights(grid: Any, path: pathlib.Path) -> None:
    """Write a height map in place and without a checksum, as old programs do."""
    if grid.dtype.newbyteorder("=") != np.int16 or grid.ndim != 2 or not grid.size:
        raise ValueError("heights are a matrix of int16")
    with path.open("wb") as file:
        file.write(np.asarray(grid.shape, "<i4").tobytes())
        file.write(np.ascontiguousarray(grid, "<i2").tobytes())


def _load_heights(path: pathlib.Path) -> Any:
    data = path.read_bytes()
    rows, columns = np.frombuffer(data[:8], "<i4")
    return np.frombuffer(data[8:], "<i2").reshape(int(rows), int(columns)).copy()


def _heights(**fields: Any) -> Format:
    return Format(**{"name": "heights", "backend": "numpy", "save": _save_heights, "load": _load_heights, "accepts": "tensor", **fields})


def _verdicts(format: Format, *select: str) -> dict[str, Verdict | None]:
    return {result.check: result.verdict for result in check_format(format, select=select, examples=5)}


@pytest.mark.parametrize("shapes", [[(None, None)], st.tuples(st.integers(1, 90), st.integers(1, 90)), [(2, 3), (5, 4), (80, 90)]])
def test_every_family_runs_within_the_domain(shapes: Any) -> None:
    within = ["dtype/int16", "bits/int16", "shape/plain", "layout", "files/overwrite-smaller", "process/resave", "crash/kill"]
    within += ["security/code", "corruption/zero-block", "corruption/truncate"]
    found = _verdicts(_heights(dtypes=["int16"], shapes=shapes), *within)
    channels_last = found.pop("layout/channels-last")
    assert channels_last is None, "no matrix has four dimensions"
    bad = {check: verdict for check, verdict in found.items() if verdict is not Verdict.KEPT}
    assert bad == {"crash/kill": Verdict.UNREADABLE, "corruption/zero-block": Verdict.CHANGED}


def test_other_dtypes_and_shapes_may_be_refused() -> None:
    results = check_format(_heights(**MATRICES), select=["dtype/*int*", "shape", "container/list"], examples=2)
    assert [str(result) for result in results if not result.passed] == []
    assert {result.verdict for result in results if result.outside} == {Verdict.REFUSED}
    assert not next(result for result in results if result.check == "dtype/int16").outside


def test_silent_loss_outside_the_domain_fails() -> None:
    def save(grid: Any, path: pathlib.Path) -> None:
        _save_heights(np.atleast_2d(grid).astype(np.int16), path)

    results = check_format(_heights(save=save, **MATRICES), select=["dtype/float32", "shape/scalar", "dtype/int16"], examples=0)
    assert [(result.verdict, result.passed) for result in results] == [
        (Verdict.KEPT, True), (Verdict.CHANGED, False), (Verdict.CHANGED, False),
    ]  # fmt: skip


def test_layout_is_not_blamed_for_a_refused_dtype() -> None:
    results = check_format(_heights(), select="layout", examples=30)
    assert [str(result) for result in results if result.failed and result.check.startswith("layout/")] == []


def test_layout_that_is_refused_is_a_failure_where_c_order_is_not() -> None:
    def save(grid: Any, path: pathlib.Path) -> None:
        if not grid.flags.c_contiguous:
            raise ValueError("not contiguous")
        _save_heights(grid, path)

    assert _verdicts(_heights(save=save, **MATRICES), "layout/fortran") == {"layout/fortran": Verdict.REFUSED}
    assert _verdicts(_heights(**MATRICES), "layout/fortran") == {"layout/fortran": Verdict.KEPT}


def test_files_have_as_many_bytes_as_those_of_float32() -> None:
    limits = Domain(("uint8",), ((None, None),))
    profile = FormatProfile("numpy", "tensor", limits=limits)
    for check in checks_for("numpy"):
        for spec in check.examples(profile):
            saved = getattr(spec, "saved", None)
            plain = FormatProfile("numpy", "tensor").subject(size=1 << 14)
            if check.name == "files/disk-full" and isinstance(saved, TensorSpec) and isinstance(plain, TensorSpec):
                assert plain.payload <= saved.payload <= 1.1 * plain.payload


@pytest.mark.parametrize("accepts", ["tensor", "list", "dict", "tree"])
@pytest.mark.parametrize(
    "limits",
    [
        Domain(("uint8",), ((None, None, 3),)),
        Domain(("int64",), ((),)),
        Domain(("bool", "text"), (("n", "n"), (4,))),
        Domain(shapes=((None, ...),)),
        Domain(keys=("red", "green")),
    ],
)
def test_examples_follow_the_domain_unless_a_check_is_about_it(accepts: str, limits: Domain) -> None:
    if limits.keys and accepts in ("tensor", "list"):
        pytest.skip("such formats have no keys")
    format = pickle_format(accepts=accepts, dtypes=limits.dtypes, shapes=limits.shapes, keys=limits.keys)
    profile = FormatProfile("numpy", accepts, template=True, limits=limits)
    within = 0
    for check in checks_for("numpy"):
        if (
            check.keeps
            or check.family in ("container", "alias", "tensor", "layout")
            or check.name in ("keys/nested", "mismatch/64-bit-off")
        ):
            continue
        for spec in check.examples(profile):
            assert limits.has(getattr(spec, "saved", spec)), f"{check.name}: {spec}"
            within += 1
    assert within > 20
    assert format.limits == limits


def test_few_keys_are_used_instead_of_others() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        if not all(re.fullmatch("[a-z]+", key) for key in tree):
            raise ValueError("keys are words")
        save_pickle(tree, path)

    def load(path: pathlib.Path, template: Any) -> Any:
        found = load_pickle(path)
        if list(found) != list(template):
            raise ValueError("other keys")
        return found

    format = pickle_format(save=save, load=load, accepts="dict", template=True, keys=["red", "green", "blue"])
    found = _verdicts(format, "mismatch", "keys", "files/overwrite-other-structure", "container/dict")
    refused = {check for check, verdict in found.items() if verdict is Verdict.REFUSED}
    assert refused <= {name for name in found if name.startswith("keys/")}, found
    assert found["mismatch/renamed"] is found["mismatch/missing"] is found["keys/order"] is Verdict.KEPT


def test_mismatch_that_the_domain_does_not_have_is_dropped() -> None:
    scalars = Domain(("int64",), ((),))
    one, other = (TensorSpec("float32", shape, fill=Fill(1)) for shape in ((2,), (3,)))
    assert fitted(Mismatch(one, other), scalars) is None
    assert fitted(Mismatch(one, other), Domain(shapes=((None,),))) == Mismatch(one, other)


@pytest.mark.parametrize(
    ("dtype", "shapes", "found"),
    [
        ("float32", lambda shape: len(shape) == 1, [(None,)]),
        ("int64", lambda shape: not shape, [()]),
        ("uint8", lambda shape: len(shape) == 3 and shape[2] == 3, [(None, None, 3)]),
        ("text", lambda shape: True, None),
        ("float64", lambda shape: len(shape) == 2 and shape[0] == shape[1], [("n", "n")]),
        ("complex64", lambda shape: len(shape) > 1, [(None, None, ...)]),
        ("bool", lambda shape: shape in ((4,), (1, 4)), [(4,), (1, 4)]),
    ],
)
def test_survey_finds_few_dtypes_and_shapes(dtype: str, shapes: Any, found: list[Any] | None) -> None:
    def save(array: Any, path: pathlib.Path) -> None:
        is_own = isinstance(array, np.ndarray) and (array.dtype.kind == "U" if dtype == "text" else array.dtype.newbyteorder("=") == dtype)
        if not is_own or not shapes(array.shape):
            raise TypeError("this format accepts only some arrays")
        save_pickle(array, path)

    domain = find_domain(pickle_format(save=save))
    expected = {"accepts": "tensor", "dtypes": [dtype], "shapes": found}
    assert domain == {name: value for name, value in expected.items() if value is not None}
    narrowed = pickle_format(save=save, **domain)
    select = ["dtype/float32", "dtype/int8", f"dtype/{dtype}", "shape", "layout/fortran", "layout/sliced", "files/path-object"]
    results = check_format(narrowed, select=select, examples=3)
    assert [str(result) for result in results if result.failed] == []
    assert next(result for result in results if result.check == f"dtype/{dtype}").verdict is Verdict.KEPT


def test_survey_finds_few_keys() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        if not isinstance(tree, dict) or not all(key.isalpha() and key.islower() and isinstance(tree[key], np.ndarray) for key in tree):
            raise TypeError("keys are lowercase letters")
        path.write_text(json.dumps({key: [array.dtype.str, array.shape, array.tobytes().hex()] for key, array in tree.items()}))

    def load(path: pathlib.Path) -> Any:
        text = json.loads(path.read_text())
        return {key: np.frombuffer(bytes.fromhex(data), dtype).reshape(shape) for key, (dtype, shape, data) in text.items()}

    domain = find_domain(pickle_format(save=save, load=load))
    assert domain["accepts"] == "dict"
    assert {"a", "weight"} <= set(domain["keys"])
    assert all(key.isalpha() for key in domain["keys"])
    assert "keys" not in find_domain(pickle_format())


def test_survey_adds_nothing_for_a_format_that_accepts_everything() -> None:
    assert find_domain(pickle_format(dtypes=["int8"])) == {"accepts": "tree"}


def test_survey_of_nested_dicts_without_lists_finds_dicts() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        if "list" in repr(list(map(type, tree.values()))):
            raise TypeError("no lists")
        save_pickle(tree, path)

    assert find_domain(pickle_format(save=save)) == {"accepts": "dict"}


def test_survey_of_a_format_that_declares_dtypes_finds_dtypes() -> None:
    def save(tree: Any, path: pathlib.Path) -> None:
        if "|V" in repr([array.dtype.str for array in tree.values()]):
            raise TypeError("no structures")
        save_pickle(tree, path)

    domain = find_domain(pickle_format(save=save, accepts="dict", dtypes=["int8", "float32"]))
    assert {"int8", "float32", "float64"} < set(domain["dtypes"])
    assert "void" not in domain["dtypes"]
    assert "dtypes" not in find_domain(pickle_format(save=save, accepts="dict"))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"dtypes": ["uint9"]}, "unknown dtype 'uint9': did you mean 'uint"),
        ({"dtypes": []}, "no dtype is left"),
        ({"dtypes": 8}, "dtypes must be a list of names"),
        ({"dtypes": ["float4_e2m1fn_x2"]}, "unknown dtype"),
        ({"shapes": []}, "no shape is left"),
        ({"shapes": (2, 3)}, r"write \[\(2, 3\)\] for one shape"),
        ({"shapes": "rank 2"}, "shapes must be a collection of tuples"),
        ({"shapes": [(2, -1)]}, "a length must be an int of at least 0"),
        ({"shapes": [(2.0,)]}, "a length must be an int of at least 0"),
        ({"shapes": [(..., 3, ...)]}, "only one"),
        ({"keys": [], "accepts": "dict"}, "no key is left"),
        ({"keys": "weight", "accepts": "dict"}, "keys must be a list of keys"),
        ({"keys": [[]], "accepts": "dict"}, "must be hashable"),
        ({"keys": ["a"]}, "has none"),
        ({"save": None, "load": None, "save_model": print, "load_model": print, "dtypes": ["int8"]}, "has no save"),
    ],
)
def test_limit_that_is_not_valid_raises_at_once(fields: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        _heights(**fields)


def test_strategy_that_draws_no_shapes_raises_before_a_check_runs() -> None:
    for shapes in (st.integers(), st.tuples(st.floats(1, 2)), st.tuples(st.integers(1)).filter(lambda shape: False)):
        with pytest.raises(ValueError, match="the strategy for shapes"):
            check_format(_heights(shapes=shapes), select="dtype/int16")


def test_patterns_describe_shapes() -> None:
    assert matches((None, None, 3), (4, 1, 3))
    assert not matches((None, None, 3), (4, 0, 3))
    assert matches(("n", "n"), (2, 2))
    assert not matches(("n", "n"), (2, 3))
    assert matches((2, ...), (2,))
    assert matches((2, ...), (2, 5, 6))
    assert not matches((None, ...), ())
    assert nearest_shapes([(None,), (4, 5)], (4, 5))[0] == (4, 5)
    assert nearest_shapes([(None, None)], (100,))[0][0] != nearest_shapes([(None, None)], (100,))[0][1]


@given(st.data())
def test_strategies_draw_what_patterns_describe(data: st.DataObject) -> None:
    patterns = [(None, None, 3), ("n", "n"), (2, ...)]
    spec = data.draw(tensor_specs("numpy", shapes=patterns, max_bytes=1 << 20))
    assert any(matches(pattern, spec.shape) for pattern in patterns)
    named = data.draw(dict_specs("numpy", keys=st.from_regex("[a-z]{3}", fullmatch=True), min_size=1))
    assert all(len(key) == 3 for key, _ in named.items)


def test_state_of_a_model_is_in_the_domain_of_its_dtypes() -> None:
    dense, counted = (ModelSpec(layers, (2,)) for layers in ((LayerSpec("dense", 2),), (LayerSpec("dense", 2), LayerSpec("batch-norm"))))
    floats = Format(name="floats", backend="torch", save=save_pickle, load=load_pickle, dtypes=["float32"])
    assert floats.in_domain(dense)
    assert not floats.in_domain(counted)
    assert not Format(name="bytes", backend="torch", save=save_pickle, load=load_pickle, dtypes=["uint8"]).in_domain(dense)
    few = pickle_format(keys=["a"])
    assert [few.in_domain(DictSpec(((key, TensorSpec("int8", ())),))) for key in ("a", "b")] == [True, False]


def test_command_line_passes_the_domain_on(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "heights.py").write_text(
        "import numpy as np\n"
        "def save(grid, path):\n"
        "    assert grid.dtype == np.int16 and grid.ndim == 2\n"
        "    np.save(path.open('wb'), grid)\n"
        "def load(path):\n"
        "    return np.load(path.open('rb'))\n"
    )
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest_ckpt", "run", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    functions = ("--save=heights:save", "--load=heights:load", "--backend=numpy", "--accepts=tensor")
    assert run(*functions, "--dtypes=int16", "--shapes=(None, None)", "--select=layout/fortran,shape/plain,dtype").returncode == 0
    assert run(*functions, "--select=dtype/int16").returncode == 1
    assert "--shapes=(None must be Python code" in run(*functions, "--shapes=(None").stderr
