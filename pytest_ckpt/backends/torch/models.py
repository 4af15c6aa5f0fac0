"""Build and read models of PyTorch: `torch.nn.Module`."""

from __future__ import annotations

import contextlib
import copy as copy_module
import warnings
from collections.abc import Mapping
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
    if isinstance(model, torch.jit.ScriptModule):  # the parameters of a loaded one are plain tensors
        parameters = {key: parameter.detach() for key, parameter in parameters.items()}
    more = {key: value for key, value in saved.items() if key not in parameters and key not in buffers}
    modules = dict(model.named_modules())
    return ModelReading(
        tensors={**parameters, **buffers, **more},
        training={key: module.training for key, module in modules.items()},
        settings={key: f"{type(module).__qualname__}({module.extra_repr()})" for key, module in modules.items()},
        unsaved=frozenset(buffers) - frozenset(saved),
    )


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
    module = model.get_submodule(owner)
    if getattr(module, last, buffer) is not buffer and not isinstance(module, torch.jit.ScriptModule):
        setattr(module, last, buffer)
    with torch.no_grad(), contextlib.suppress(RuntimeError):  # an expanded tensor is not writable, so the run did not write to it
        buffer.copy_(values)


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
