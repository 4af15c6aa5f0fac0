"""tensorstore: one array with the driver of zarr version 3, in a folder."""

import tensorstore

from pytest_ckpt import Format


def spec(path):
    return {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{path}/"}}


def save(array, path):
    store = tensorstore.open(spec(path), dtype=array.dtype, shape=array.shape, create=True, delete_existing=True).result()
    store.write(array).result()


def load(path):
    return tensorstore.open(spec(path)).result().read().result()


fmt = Format(name="tensorstore", backend="numpy", save=save, load=load, accepts="tensor", suffix=".zarr")
