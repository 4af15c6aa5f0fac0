"""The formats of tensorflow's world, a file for each, or for several that are one library's."""
