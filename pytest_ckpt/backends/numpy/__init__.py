"""The backend numpy."""
