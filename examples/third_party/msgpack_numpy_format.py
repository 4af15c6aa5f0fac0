"""msgpack-numpy: a tree of arrays as MessagePack."""

import msgpack
import msgpack_numpy

from pytest_ckpt import Format


def save(tree, path):
    path.write_bytes(msgpack.packb(tree, default=msgpack_numpy.encode))


def load(path):
    return msgpack.unpackb(path.read_bytes(), object_hook=msgpack_numpy.decode)


fmt = Format(name="msgpack-numpy", backend="numpy", save=save, load=load, accepts="tree", suffix=".msgpack")
