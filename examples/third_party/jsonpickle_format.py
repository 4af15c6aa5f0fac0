"""jsonpickle: any Python object as JSON."""

import jsonpickle
import jsonpickle.ext.numpy

from pytest_ckpt import Format

jsonpickle.ext.numpy.register_handlers()


def save(tree, path):
    path.write_text(jsonpickle.encode(tree, keys=True))


def load(path):
    return jsonpickle.decode(path.read_text(), keys=True)


fmt = Format(name="jsonpickle", backend="numpy", save=save, load=load, accepts="tree", suffix=".json")
