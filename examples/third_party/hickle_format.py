"""hickle: the interface of pickle, on HDF5."""

import hickle

from pytest_ckpt import Format


def save(tree, path):
    hickle.dump(tree, str(path), mode="w")


def load(path):
    return hickle.load(str(path))


fmt = Format(name="hickle", backend="numpy", save=save, load=load, accepts="tree", suffix=".hkl")
