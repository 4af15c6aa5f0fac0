"""h5py: a dict of arrays as datasets with compression and checksums."""

import h5py

from pytest_ckpt import Format


def save(arrays, path):
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            filters = {"compression": "gzip", "shuffle": True, "fletcher32": True} if array.size and array.ndim else {}
            file.create_dataset(name, data=array, **filters)


def load(path):
    with h5py.File(path, "r") as file:
        return {name: file[name][()] for name in file}


fmt = Format(name="h5py", backend="numpy", save=save, load=load, accepts="dict", suffix=".h5")
