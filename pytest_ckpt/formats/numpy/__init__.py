"""Built-in formats for NumPy arrays, one module for each format or group of similar formats."""
