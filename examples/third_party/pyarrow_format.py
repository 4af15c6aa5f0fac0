"""pyarrow: one tensor as an IPC message."""

import pyarrow

from pytest_ckpt import Format


def save(array, path):
    with pyarrow.OSFile(str(path), "wb") as file:
        pyarrow.ipc.write_tensor(pyarrow.Tensor.from_numpy(array), file)


def load(path):
    with pyarrow.OSFile(str(path), "rb") as file:
        return pyarrow.ipc.read_tensor(file).to_numpy()


fmt = Format(name="pyarrow", backend="numpy", save=save, load=load, accepts="tensor", suffix=".arrow")
