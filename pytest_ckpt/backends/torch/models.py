"""Build and read models of PyTorch: `torch.nn.Module`."""

from __future__ import annotations

import contextlib
import copy as copy_module
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from ...specs import ModelSpec, Unsavable
from ..base import CannotBuild
from ..model_base import ModelReading, call_with, fill_spec
from . import layers, tensors

name = "torch"


def owns(obj: Any) -> bool:
    return isinstance(obj, nn.Module)


def object_state(obj: Any) -> dict[str, Any] | None:
    """Return the settings and the state of an optimizer.

    Its pickled state also has the defaults, to which `load_state_dict` may add a key.
    """
    if isinstance(obj, torch.optim.Optimizer) and type(obj).__getstate__ is torch.optim.Optimizer.__getstate__:
        return {"param_groups": obj.param_groups, "state": obj.state}
    return None


def build(spec: ModelSpec) -> Any:
    if reason := spec.refusal(name):
        raise CannotBuild(reason)
    # Modules draw their initial values from the global generator, which belongs to the user.
    with torch.random.fork_rng(devices=[]), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that lazy layers are a new feature
        model = layers.network(spec.placed)
        model.eval()
        # Exporters need example inputs, see `ModelBackend.build`.
        model.example = tensors.build(spec.input_spec())
        if not spec.fresh:
            model(model.example)
        _fill(model, spec)
    return model.train(spec.training)


def _fill(model: Any, spec: ModelSpec) -> None:
    """Set the values of everything that is saved."""
    state: dict[str, Any] = model.state_dict(keep_vars=True)
    for index, (key, tensor) in enumerate(state.items()):
        if isinstance(tensor, nn.parameter.UninitializedTensorMixin):
            continue
        if not isinstance(tensor, torch.Tensor):
            model.get_submodule(key.rsplit(".", 1)[0]).set_extra_state({"scale": 1.0 + (spec.seed + index) % 1000 / 8})
            continue
        filled = tensors.build(fill_spec(spec, index, str(tensor.dtype).removeprefix("torch."), tuple(tensor.shape)))
        positive = key.endswith("running_var") or not tensor.is_floating_point()
        tensor.copy_(filled.abs() if positive else filled)


def state(model: Any) -> Any:
    return model.state_dict()


def load_state(model: Any, state: Any) -> None:
    model.load_state_dict(state)


def read(model: Any) -> ModelReading:
    parameters = dict(model.named_parameters(remove_duplicate=False))
    buffers = dict(model.named_buffers(remove_duplicate=False))
    saved = model.state_dict()
    if isinstance(model, torch.jit.ScriptModule):
        parameters = _script_parameters(parameters)
    more = {key: value for key, value in saved.items() if key not in parameters and key not in buffers}
    modules = dict(model.named_modules())
    return ModelReading(
        tensors={**parameters, **buffers, **more},
        training={key: module.training for key, module in modules.items()},
        settings={
            key: f"{type(module).__qualname__}({module.extra_repr()})"
            for key, module in modules.items()
            if not isinstance(module, torch.jit.ScriptModule)  # it shows no settings
        },
        unsaved=frozenset(buffers) - frozenset(saved),
    )


def _script_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a ScriptModule as what they are: it shows those that it has loaded as
    plain tensors.
    """
    shown: dict[int, Any] = {}
    return {
        key: shown.setdefault(id(each), each if isinstance(each, nn.Parameter) else nn.Parameter(each.detach(), each.requires_grad))
        for key, each in parameters.items()
    }


def modules(model: Any) -> Mapping[str, Any]:
    found: dict[str, Any] = dict(model.named_modules())
    return found


def run(model: Any, inputs: Any) -> Any:
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(name, buffer, buffer.detach().clone()) for name, buffer in model.named_buffers() if _has_values(buffer)]
    try:
        model.eval()
    except NotImplementedError:  # exported programs have only one mode
        buffers = []
    try:
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            return call_with(model, inputs)
    finally:
        for module, training in modes:
            module.training = training
        for name, buffer, values in buffers:
            _restore_buffer(model, name, buffer, values)


def _has_values(buffer: Any) -> bool:
    return not isinstance(buffer, nn.parameter.UninitializedTensorMixin) and buffer.device.type != "meta"


def _restore_buffer(model: Any, name: str, buffer: Any, values: Any) -> None:
    """Restore a buffer after a run of the model: the same tensor, with the same values."""
    owner, _, last = name.rpartition(".")
    module = dict(model.named_modules(remove_duplicate=False))[owner]  # a ScriptModule has no get_submodule
    if getattr(module, last, buffer) is not buffer and not isinstance(module, torch.jit.ScriptModule):
        setattr(module, last, buffer)
    with torch.no_grad(), contextlib.suppress(RuntimeError):  # an expanded tensor is not writable, so the run did not write to it
        buffer.copy_(values)


@contextlib.contextmanager
def elsewhere(model: Any, inputs: Any, place: int) -> Iterator[Any]:
    owned = [*model.parameters(), *(buffer for _, buffer in model.named_buffers())]
    before = [(tensor, tensor.data) for tensor in owned if _is_movable(tensor)]
    try:
        for tensor, data in before:
            tensor.data = _moved(data, place)
        yield torch.utils._pytree.tree_map(lambda each: _moved(each, place) if _is_movable(each) else each, inputs)
    finally:
        for tensor, data in before:
            tensor.data = data


def _is_movable(leaf: Any) -> bool:
    return (
        type(leaf) in (torch.Tensor, nn.Parameter) and leaf.layout is torch.strided and leaf.device.type != "meta" and not leaf.is_quantized
    )


def _moved(tensor: Any, place: int) -> Any:
    """Return a tensor with the same values in other memory.

    Odd places preserve the strides. Even places have C order, for which a framework may choose
    another algorithm.
    """
    in_c_order = place % 2 == 0 or any(stride < 1 for stride in tensor.stride())
    strides = torch.empty(tensor.shape, device="meta").stride() if in_c_order else tensor.stride()
    size = 1 + sum((length - 1) * stride for length, stride in zip(tensor.shape, strides, strict=True))
    offset = (place - 1) // 2
    memory = torch.empty(max(0, size) + offset, dtype=tensor.dtype, device=tensor.device)
    return memory.as_strided(tensor.shape, strides, offset).copy_(tensor.detach())


def copy(model: Any) -> Any:
    return copy_module.deepcopy(model)


def make_unsavable(model: Any) -> None:
    # The attribute makes pickling raise, and the entry that the hook adds to the state dict makes
    # saving the state raise.
    last = list(model.modules())[-1]
    last.unsavable = Unsavable()
    last.register_state_dict_post_hook(_add_unsavable)


def _add_unsavable(module: Any, state: dict[str, Any], prefix: str, metadata: Any) -> None:
    state[f"{prefix}unsavable"] = Unsavable()
