"""asdf: a YAML tree with binary blocks."""

import asdf

from pytest_ckpt import Format


def save(tree, path):
    asdf.AsdfFile({"tree": tree}).write_to(path)


def load(path):
    with asdf.open(path, memmap=False, lazy_load=False) as file:
        return file["tree"]


fmt = Format(name="asdf", backend="numpy", save=save, load=load, accepts="tree", suffix=".asdf")
