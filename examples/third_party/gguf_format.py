"""gguf: a dict of arrays as the tensors of a language model."""

import gguf

from pytest_ckpt import Format


def save(arrays, path):
    writer = gguf.GGUFWriter(path, "none")
    for name, array in arrays.items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(path):
    return {tensor.name: tensor.data for tensor in gguf.GGUFReader(path).tensors}


fmt = Format(name="gguf", backend="numpy", save=save, load=load, accepts="dict", suffix=".gguf")
