"""The backend for NumPy."""
