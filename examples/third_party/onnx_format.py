"""onnx: a dict of arrays as the initializers of a graph."""

import onnx
from onnx import numpy_helper

from pytest_ckpt import Format


def save(arrays, path):
    tensors = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
    onnx.save_model(onnx.helper.make_model(onnx.helper.make_graph([], "arrays", [], [], tensors)), path)


def load(path):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load_model(path).graph.initializer}


fmt = Format(name="onnx", backend="numpy", save=save, load=load, accepts="dict", suffix=".onnx")
