"""Built-in formats for PyTorch, one module for each format or group of similar formats."""
