"""torch.jit: a model with its code."""

import torch

from pytest_ckpt import Format


def save_model(model, path):
    torch.jit.save(torch.jit.script(model), path)


fmt = Format(name="torch.jit", backend="torch", save_model=save_model, load_model=torch.jit.load, whole_model=True, suffix=".pt")
