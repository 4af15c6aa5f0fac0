"""numpy.memmap: the bytes of one array, without a header."""

import numpy

from pytest_ckpt import Format


def save(array, path):
    file = numpy.memmap(path, dtype=array.dtype, mode="w+", shape=array.shape)
    file[...] = array
    file.flush()


def load(path, template):
    return numpy.array(numpy.memmap(path, dtype=template.dtype, mode="r", shape=template.shape))


fmt = Format(name="memmap", backend="numpy", save=save, load=load, accepts="tensor", template=True, suffix=".bin")
