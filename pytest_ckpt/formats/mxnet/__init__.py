"""The formats of mxnet's world, a file for each, or for several that are one library's."""
