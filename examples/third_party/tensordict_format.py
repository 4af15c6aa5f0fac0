"""tensordict: a dict of tensors as memory-mapped files in a folder."""

from tensordict import TensorDict

from pytest_ckpt import Format


def save(tensors, path):
    TensorDict(tensors).save(path)


def load(path):
    return TensorDict.load(path).to_dict()


fmt = Format(name="tensordict", backend="torch", save=save, load=load, accepts="dict")
