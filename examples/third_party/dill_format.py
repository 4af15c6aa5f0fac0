"""dill: an extended pickle."""

import dill

from pytest_ckpt import Format


def save(tree, path):
    with open(path, "wb") as file:
        dill.dump(tree, file)


def load(path):
    with open(path, "rb") as file:
        return dill.load(file)


fmt = Format(name="dill", backend="numpy", save=save, load=load, accepts="tree", suffix=".dill")
