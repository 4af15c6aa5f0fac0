"""netCDF4: a dict of arrays as variables."""

import netCDF4

from pytest_ckpt import Format


def save(arrays, path):
    with netCDF4.Dataset(path, "w") as file:
        for name, array in arrays.items():
            axes = [f"{name}_{axis}" for axis in range(array.ndim)]
            for axis, size in zip(axes, array.shape, strict=True):
                file.createDimension(axis, size)
            file.createVariable(name, array.dtype, axes)[...] = array


def load(path):
    with netCDF4.Dataset(path) as file:
        file.set_auto_maskandscale(False)
        return {name: variable[...] for name, variable in file.variables.items()}


fmt = Format(name="netcdf4", backend="numpy", save=save, load=load, accepts="dict", suffix=".nc")
