"""zarr: one array in a zip file."""

import zarr

from pytest_ckpt import Format


def save(array, path):
    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.create_array(store, data=array)


def load(path):
    with zarr.storage.ZipStore(path, mode="r") as store:
        return zarr.open_array(store, mode="r")[...]


fmt = Format(name="zarr", backend="numpy", save=save, load=load, accepts="tensor", suffix=".zip")
