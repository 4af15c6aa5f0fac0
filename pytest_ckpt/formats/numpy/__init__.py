"""The formats of numpy's world, a file for each, or for several that are one library's."""
