"""Backends build every spec that their framework supports, always with the same bits, and read it
correctly.
"""

from __future__ import annotations

import inspect
import random
import sys
import tempfile
import warnings
from typing import Any

import numpy as np
import pytest

from pytest_ckpt.backends import BUILTIN, get_backend, installed_backends, is_installed, known_backends, owner_of
from pytest_ckpt.backends.base import Backend, CannotBuild
from pytest_ckpt.backends.spec_values import logical_words, objects, texts
from pytest_ckpt.backends.tree_builder import build_tree
from pytest_ckpt.compare.elements import equal
from pytest_ckpt.compare.tensors import same_object
from pytest_ckpt.compare.trees import differences
from pytest_ckpt.specs import DTYPES, LAYOUTS, TRAITS, Fill, ListSpec, SameAs, TensorSpec, ViewOf, dtypes_of, layout_error, layouts_of

from .conftest import BACKENDS

SHAPES = ((), (0,), (2,), (1, 3), (2, 0, 3), (2, 3, 4))
LAYOUT_SHAPES = ((2,), (3, 2), (2, 3, 4), (2, 3, 2, 4))
FILLS = (Fill(), Fill(1), Fill(2, "any"), Fill(3, "any", ((0, 1), (1, 0x80))))


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Any:
    found = get_backend(request.param)
    with found.scope():
        yield found


def _holds(backend: Backend, tensor: Any, spec: TensorSpec) -> bool:
    """Return whether a tensor has the elements of the spec."""
    reading = backend.read(tensor)
    assert reading.dtype == spec.dtype
    assert reading.shape == spec.shape
    if reading.parts is not None:
        return True
    if reading.objects is not None:
        if spec.dtype == "object":
            found, expected = ([*map(repr, each.reshape(-1))] for each in (reading.objects, objects(spec.shape, spec.fill)))
            return found == expected or spec.layout == "broadcast"
        binary = reading.objects.size > 0 and isinstance(reading.objects.reshape(-1)[0], bytes)
        block = (1, *spec.shape[1:]) if spec.layout == "broadcast" else spec.shape
        return bool((reading.objects == texts(block, spec.fill, binary)).all())
    return equal(reading.words, logical_words(spec), DTYPES[spec.dtype])


def test_builds_and_reads_every_dtype_in_every_shape(backend: Backend) -> None:
    assert set(backend.dtypes()) <= set(dtypes_of(backend.name))
    for dtype in backend.dtypes():
        for shape in SHAPES:
            for fill in FILLS:
                spec = TensorSpec(dtype, shape, fill=fill)
                if backend.refusal(spec) is None:
                    assert _holds(backend, backend.build(spec), spec), spec
                else:
                    assert dtype == "string", "only string dtypes may lack a shape"


def test_builds_every_layout_with_the_values_of_the_spec(backend: Backend) -> None:
    built = set()
    for layout in layouts_of(backend.name):
        for dtype in backend.dtypes():
            for shape in LAYOUT_SHAPES:
                if layout_error(layout, dtype, shape):
                    continue
                spec = TensorSpec(dtype, shape, layout, Fill(1, "any"))
                if backend.refusal(spec) is None:
                    built.add(layout)
                    assert _holds(backend, backend.build(spec), spec), spec
    assert built == set(layouts_of(backend.name))


def test_layout_is_visible_in_strides(backend: Backend) -> None:
    for layout in layouts_of(backend.name):
        for shape in LAYOUT_SHAPES:
            if not layout_error(layout, "float32", shape):
                strides = backend.read(backend.build(TensorSpec("float32", shape, layout, Fill(1)))).strides
                plain = tuple(int(np.prod(shape[axis + 1 :])) for axis in range(len(shape)))
                assert (strides != plain) is LAYOUTS[layout].scattered or strides is None, (layout, shape)


def test_two_builds_have_equal_bits_and_separate_memory(backend: Backend) -> None:
    for layout in layouts_of(backend.name):
        for shape in LAYOUT_SHAPES:
            if not layout_error(layout, "float32", shape):
                spec = ListSpec((TensorSpec("float32", shape, layout, Fill(1, "any")),))
                first, second = build_tree(spec, backend), build_tree(spec, backend)
                assert differences(first, second) == []
                assert not same_object(first, second)
                assert same_object(first, first)


def test_builds_every_trait_visibly(backend: Backend) -> None:
    for trait, backends in TRAITS.items():
        dtype = "uint32" if trait.startswith("prng-key") and backend.name in backends else "float32"
        spec = TensorSpec(dtype, (3, 2), fill=Fill(1), traits=(trait,))
        if backend.name not in backends:
            with pytest.raises(CannotBuild, match=trait):
                backend.build(spec)
        elif reason := backend.refusal(spec):
            assert "accelerator" in reason
        else:
            reading, plain = (backend.read(backend.build(each)) for each in (spec, TensorSpec(spec.dtype, spec.shape, fill=spec.fill)))
            shows = (reading.kind, dict(reading.flags), reading.dtype, reading.parts is None)
            if trait != "frozen":
                assert shows != (plain.kind, dict(plain.flags), plain.dtype, plain.parts is None), trait
            assert differences(backend.build(spec), backend.build(spec)) == []


def test_cannot_build_gives_a_reason(backend: Backend) -> None:
    missing = [dtype for dtype in DTYPES if dtype not in dtypes_of(backend.name)]
    layouts = [layout for layout in LAYOUTS if layout not in layouts_of(backend.name)]
    specs = [TensorSpec(dtype, (2,)) for dtype in missing] + [TensorSpec("float32", (1,) * 300)]
    specs += [
        TensorSpec("float32", shape, layout) for layout in layouts for shape in LAYOUT_SHAPES if not layout_error(layout, "float32", shape)
    ]
    for spec in specs:
        with pytest.raises(CannotBuild) as error:
            backend.build(spec)
        assert len(str(error.value).split()) > 4
    for wrong in (ListSpec((SameAs(0),)), ListSpec((TensorSpec("float32", (2,)), SameAs(1))), ListSpec((ViewOf(3, 0, 1),))):
        with pytest.raises(CannotBuild, match="refers to tensor"):
            build_tree(wrong, backend)


def test_builds_aliases_in_shared_memory(backend: Backend) -> None:
    tensor = TensorSpec("float32", (4,), fill=Fill(1))
    first, second = build_tree(ListSpec((tensor, SameAs(0))), backend)
    assert first is second
    if backend.name in ("numpy", "torch", "mxnet"):
        whole, part = build_tree(ListSpec((tensor, ViewOf(0, 1, 3))), backend)
        assert same_object([part], [part])
        part[0] = 7
        assert float(whole[1]) == 7.0
    else:
        with pytest.raises(CannotBuild, match="no view"):
            build_tree(ListSpec((tensor, ViewOf(0, 1, 3))), backend)


def _odd_tensors() -> dict[str, Any]:
    """Return functions that build torch tensors without elements in their own memory, with equal
    results on each call.
    """
    import torch
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.masked import masked_tensor

    class Wrapper(torch.Tensor):  # type: ignore[misc]
        """A tensor that supports no operation."""

        @staticmethod
        def __new__(cls) -> Any:
            return torch.Tensor._make_wrapper_subclass(cls, (2,), dtype=torch.float32)

        @classmethod
        def __torch_dispatch__(cls, operation: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
            raise NotImplementedError

    class Holder(Wrapper):
        """A tensor that shows its parts."""

        @staticmethod
        def __new__(cls, inner: Any) -> Any:
            holder = torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)
            holder._inner = inner
            return holder

        def __tensor_flatten__(self) -> Any:
            return ["_inner"], {"bits": 4}

    def fake() -> Any:
        with FakeTensorMode():
            return torch.ones(2)

    def freed() -> Any:
        tensor = torch.ones(2)
        tensor.untyped_storage().resize_(0)
        return tensor

    def rows(value: float) -> list[Any]:
        return [torch.full((2, 3), value), torch.ones(1, 3)]

    def compressed(layout: Any) -> Any:
        return lambda value: torch.full((4, 4), value).to_sparse(layout=layout, blocksize=(2, 2) if "bs" in str(layout) else None)

    layouts = (torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)
    return {
        "lazy": lambda value: torch.nn.parameter.UninitializedParameter(),
        "lazy buffer": lambda value: torch.nn.parameter.UninitializedBuffer(),
        "meta": lambda value: torch.empty(3000, 3000, device="meta"),
        "fake": lambda value: fake(),
        "wrapper": lambda value: Wrapper(),
        "freed": lambda value: freed(),
        "holder": lambda value: Holder(torch.full((2,), value)),
        "masked": lambda value: masked_tensor(torch.full((2,), value), torch.ones(2, dtype=torch.bool)),
        "nested": lambda value: torch.nested.nested_tensor(rows(value)),
        "jagged": lambda value: torch.nested.nested_tensor(rows(value), layout=torch.jagged),
        "mkldnn": lambda value: torch.full((2, 2), value).to_mkldnn(),
        **{str(layout): compressed(layout) for layout in layouts},
    }


@pytest.mark.skipif("torch" not in BACKENDS, reason="needs torch")
@pytest.mark.filterwarnings("ignore")
def test_reads_torch_tensors_without_memory() -> None:
    for name, make in _odd_tensors().items():
        reading = get_backend("torch").read(make(1.0))
        assert reading.dtype == "float32"
        assert reading.words is None
        assert differences(make(1.0), make(1.0)) == [], name
        # Only tensors with parts show another value.
        assert [each.aspect for each in differences(make(2.0), make(1.0))] == ["values"] * (reading.parts is not None), name


@pytest.mark.skipif("torch" not in BACKENDS, reason="needs torch")
def test_tensor_without_elements_differs_from_one_with_them() -> None:
    import torch

    whole = torch.ones(2)
    assert [each.aspect for each in differences(_odd_tensors()["freed"](1.0), whole)] == ["flags", "values"]
    parameter = torch.nn.Parameter(torch.ones(2))
    lazy = _odd_tensors()["lazy"](1.0)
    assert {each.aspect for each in differences(parameter, lazy)} >= {"kind"}
    assert [each.aspect for each in differences(torch.empty(2, device="meta"), whole)] == ["flags", "values"]


@pytest.mark.skipif("tensorflow" not in BACKENDS, reason="needs tensorflow")
def test_reads_tensorflow_handles_without_contents() -> None:
    import tensorflow as tf

    variable = tf.Variable([1.0])
    variant = tf.raw_ops.EmptyTensorList(element_shape=[2], max_num_elements=3, element_dtype=tf.float32)
    for handle, dtype in ((variable.handle, "resource"), (variant, "variant")):
        assert get_backend("tensorflow").read(handle).dtype == dtype
        assert differences(handle, handle) == []


def test_instance_attribute_is_a_flag(backend: Backend) -> None:
    if backend.name not in TRAITS["subclass"]:
        return
    spec = TensorSpec("float32", (2,), fill=Fill(1), traits=("subclass",))
    changed, held = backend.build(spec), backend.build(spec)
    changed.tag = "foot"
    changed.lock = held.lock = object()  # of other objects, only the class is compared
    assert [each.aspect for each in differences(changed, held)] == ["flags"]


def test_dtype_metadata_is_a_flag_but_memmap_file_is_not() -> None:
    (found,) = differences(np.zeros(2, "f4"), np.zeros(2, np.dtype("f4", metadata={"unit": "m"})))
    assert (found.aspect, found.expected) == ("flags", "metadata={'unit': 'm'}")
    with tempfile.TemporaryFile() as file:
        assert differences(np.memmap(file, np.int32, "w+", shape=(3,)), np.zeros(3, np.int32)) == []


@pytest.mark.skipif("jax" not in BACKENDS, reason="needs jax")
def test_weak_type_is_a_flag() -> None:
    import jax.numpy as jnp

    (found,) = differences(jnp.float32(1), jnp.asarray(1.0))
    assert (found.aspect, found.expected) == ("flags", "weak-type=True")


def test_build_preserves_random_state(backend: Backend) -> None:
    states = random.getstate(), np.random.get_state()[1].tolist()
    backend.build(TensorSpec("float32", (100,), fill=Fill(1, "any")))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == states


def test_backends_define_the_same_functions_in_order() -> None:
    """A reader of one backend then knows all of them."""
    functions = [name for name, member in vars(Backend).items() if inspect.isfunction(member) and not name.startswith("_")]
    for name in BACKENDS:
        own = vars(get_backend(name))
        assert [key for key in own if key in functions] == functions
        assert own["name"] == name


def test_exactly_one_backend_owns_a_tensor() -> None:
    tensors = {name: get_backend(name).build(TensorSpec("float32", (2,))) for name in BACKENDS}
    for name, tensor in tensors.items():
        assert [other for other in BACKENDS if get_backend(other).owns(tensor)] == [name]
        owner = owner_of(tensor)
        assert owner is not None
        assert owner.name == name
    for leaf in (None, True, 1, 1.0, "text", b"bytes", [1], {"a": 1}, object(), np.float32(1)):
        assert owner_of(leaf) is None


def test_table_contains_every_dtype_of_the_framework(backend: Backend) -> None:
    """Placeholder dtypes, which no tensor can have, are left out."""
    if backend.name == "numpy":
        import ml_dtypes

        scalars = {np.dtype(kind).name for kind in np.sctypeDict.values() if isinstance(kind, type)} - {"str", "bytes"}
        extensions = {name for name in vars(ml_dtypes) if isinstance(getattr(ml_dtypes, name), type) and name in dir(ml_dtypes)}
        listed = {name for name in scalars | extensions if _is_dtype(name)} - {"finfo", "iinfo"}
        renamed = {"float128": "longdouble", "complex256": "clongdouble"}
        listed = {renamed.get(name, name) for name in listed}
    elif backend.name == "torch":
        import torch

        placeholders = {f"{sign}int{bits}" for sign in ("", "u") for bits in range(1, 8)} | {
            "bits1x8",
            "bits2x4",
            "bits4x2",
            "bits8",
            "bits16",
        }
        quantized = {"qint8", "quint8", "qint32", "quint4x2", "quint2x4"}
        listed = {str(value).removeprefix("torch.") for value in vars(torch).values() if isinstance(value, torch.dtype)}
        listed -= placeholders | quantized
    elif backend.name == "tensorflow":
        import tensorflow as tf

        listed = {value.name for value in vars(tf.dtypes).values() if isinstance(value, tf.dtypes.DType)} - {"resource", "variant"}
    elif backend.name == "jax":
        import jax.numpy as jnp

        listed = {np.dtype(value.dtype).name for value in vars(jnp).values() if type(value).__name__ == "_ScalarMeta"}
        listed -= {"float6_e2m3fn", "float6_e3m2fn"} - set(backend.dtypes())
    else:
        listed = {"float16", "float32", "float64", "int8", "int32", "int64", "uint8", "bool"}
    assert listed - set(dtypes_of(backend.name)) == set()


def _is_dtype(name: str) -> bool:
    import ml_dtypes

    try:
        np.dtype(getattr(ml_dtypes, name, name))
    except TypeError:
        return False
    return True


def test_scope_restores_settings() -> None:
    for name in BACKENDS:
        backend = get_backend(name)
        before, filters = _settings(name), list(warnings.filters)
        with backend.scope():
            backend.dtypes()
        assert _settings(name) == before
        assert list(warnings.filters) == filters


def _settings(backend: str) -> Any:
    if backend == "jax":
        import jax

        return jax.config.jax_enable_x64
    if backend == "mxnet":
        import mxnet as mx

        return mx.util.is_np_shape(), mx.util.is_np_array()
    if backend == "torch":
        import torch

        return torch.get_default_dtype(), torch.is_grad_enabled(), torch.random.get_rng_state().tolist()
    return None


def test_blocked_framework_owns_no_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("tensorflow", "jax", "torch", "mxnet"):
        if package not in BACKENDS:
            monkeypatch.setitem(sys.modules, package, None)
    assert differences(1j, 2j)
    assert differences(np.ones(1), np.ones(1)) == []


def test_names_are_known_without_the_frameworks() -> None:
    assert set(known_backends()) >= set(BUILTIN)
    assert set(installed_backends()) == {name for name in known_backends() if is_installed(name)}
    with pytest.raises(ValueError, match="did you mean 'torch'"):
        get_backend("troch")
    for name in set(BUILTIN) - set(installed_backends()):
        with pytest.raises(ImportError, match=f"pip install 'pytest-ckpt\\[{name}\\]'"):
            get_backend(name)
