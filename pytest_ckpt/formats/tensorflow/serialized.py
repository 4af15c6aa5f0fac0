"""`tf.io.serialize_tensor` and `tf.io.parse_tensor`, which needs the dtype of a template."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, refused, unreadable
from ..base import Format
from ..shared_failures import GAPS_UNDETECTED, HEADER_UNCHECKED, IN_PLACE, NO_CHECKSUM


def _save(tensor: Any, path: pathlib.Path) -> None:
    import tensorflow as tf

    tf.io.write_file(str(path), tf.io.serialize_tensor(tensor))


def _load(path: pathlib.Path, template: Any) -> Any:
    import tensorflow as tf

    return tf.io.parse_tensor(tf.io.read_file(str(path)), template.dtype)


_NO_KERNEL = refused("TensorFlow has tensors of this dtype, but its operation SerializeTensor does not support them")
_STACKED = unreadable("tf.convert_to_tensor converts a list to one tensor, and the list as a template has no dtype to parse it with")

FORMATS = (
    Format(
        name="tensorflow.serialize-tensor",
        backend="tensorflow",
        save=_save,
        load=_load,
        accepts="tensor",
        template=True,
        expected_failures={
            **IN_PLACE,
            **GAPS_UNDETECTED,
            **NO_CHECKSUM,
            **HEADER_UNCHECKED,
            "process/two-writers": changed("both writers write in place, and the file does not show that two writers mixed it"),
            "corruption/truncate": changed(
                "missing fields of a protobuf message get their defaults, so a message that ends before its values is loaded as zeros"
            ),
            "*/int[24]": _NO_KERNEL,
            "*/uint[24]": _NO_KERNEL,
            "*/float4_*": _NO_KERNEL,
            "*/float8_*": _NO_KERNEL,
            "*/q*int*": _NO_KERNEL,
            "container/list": _STACKED,
            "container/tuple": _STACKED,
            "container/nested": _STACKED,
            "tensor/parameter": converted("the value of a variable is saved, and load returns a tensor"),
            "tensor/sparse": changed("TensorFlow converts IndexedSlices to a dense tensor"),
        },
    ),
)
