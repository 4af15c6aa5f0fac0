"""pytest-ckpt."""
