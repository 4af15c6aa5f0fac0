"""The backend mxnet."""
