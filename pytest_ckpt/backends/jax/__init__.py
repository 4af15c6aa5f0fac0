"""The backend for JAX and Flax."""
