"""The formats of jax's world, a file for each, or for several that are one library's."""
