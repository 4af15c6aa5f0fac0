"""For each backend: lossless serialization of tensors, and functions that lose one property."""
