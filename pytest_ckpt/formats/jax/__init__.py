"""Built-in formats for JAX and Flax, one module for each format or group of similar formats."""
