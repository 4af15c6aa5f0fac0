"""scipy.io: a dict of arrays as a file of MATLAB."""

import scipy.io

from pytest_ckpt import Format


def save(arrays, path):
    scipy.io.savemat(path, arrays)


def load(path):
    return {name: value for name, value in scipy.io.loadmat(path).items() if not name.startswith("__")}


fmt = Format(name="scipy.io", backend="numpy", save=save, load=load, accepts="dict", suffix=".mat")
