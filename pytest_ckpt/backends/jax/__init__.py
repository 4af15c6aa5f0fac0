"""The backend jax."""
