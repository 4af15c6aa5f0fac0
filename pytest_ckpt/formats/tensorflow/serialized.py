"""`tf.io.serialize_tensor` and `tf.io.parse_tensor`, which has to be told the dtype: that of a template."""

from __future__ import annotations

import pathlib
from typing import Any

from ...expectations import changed, converted, refused, unreadable
from ..base import Format
from ..limits import HEADER_BELIEVED, IN_PLACE, NO_CHECKSUM, UNNOTICED


def _save(tensor: Any, path: pathlib.Path) -> None:
    import tensorflow as tf

    tf.io.write_file(str(path), tf.io.serialize_tensor(tensor))


def _load(path: pathlib.Path, template: Any) -> Any:
    import tensorflow as tf

    return tf.io.parse_tensor(tf.io.read_file(str(path)), template.dtype)


_NO_KERNEL = refused("TensorFlow has tensors of this type, and no kernel of SerializeTensor for them")
_STACKED = unreadable("a list is saved as the one tensor that tf.convert_to_tensor makes of it, and has no dtype to parse it with")

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
            **UNNOTICED,
            **NO_CHECKSUM,
            **HEADER_BELIEVED,
            "process/two-writers": changed("both write in place, and there is nothing to tell whose bytes they are"),
            "corruption/truncate": changed(
                "what a message of protobuf lacks has its default, so one that ends before its values is all zero"
            ),
            "*/int[24]": _NO_KERNEL,
            "*/uint[24]": _NO_KERNEL,
            "*/float4_*": _NO_KERNEL,
            "*/float8_*": _NO_KERNEL,
            "*/q*int*": _NO_KERNEL,
            "container/list": _STACKED,
            "container/tuple": _STACKED,
            "container/nested": _STACKED,
            "tensor/parameter": converted("the value of a variable is saved, and a tensor comes back"),
            "tensor/sparse": changed("IndexedSlices are made dense, as they are wherever TensorFlow wants a tensor"),
        },
    ),
)
