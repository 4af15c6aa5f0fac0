"""blosc2: one compressed tensor in a frame."""

import blosc2

from pytest_ckpt import Format


def save(array, path):
    blosc2.save_tensor(array, str(path), mode="w")


def load(path):
    return blosc2.load_tensor(str(path))


fmt = Format(name="blosc2", backend="numpy", save=save, load=load, accepts="tensor", suffix=".b2frame")
