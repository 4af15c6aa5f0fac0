"""tifffile: one array as a picture."""

import tifffile

from pytest_ckpt import Format


def save(array, path):
    tifffile.imwrite(path, array)


fmt = Format(name="tifffile", backend="numpy", save=save, load=tifffile.imread, accepts="tensor", suffix=".tif")
