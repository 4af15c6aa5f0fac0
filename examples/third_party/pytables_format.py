"""PyTables: a dict of arrays in one HDF5 file."""

import tables

from pytest_ckpt import Format


def save(arrays, path):
    with tables.open_file(path, "w") as file:
        for name, array in arrays.items():
            file.create_array("/", name, array)


def load(path):
    with tables.open_file(path) as file:
        return {node.name: node.read() for node in file.root}


fmt = Format(name="pytables", backend="numpy", save=save, load=load, accepts="dict", suffix=".h5")
