"""What formats of TensorFlow's and Keras' world share."""

from __future__ import annotations

from ...expectations import converted

UNTRAINED = converted("only values are written, and not which of them are trained")
