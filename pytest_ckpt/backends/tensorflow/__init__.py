"""The backend tensorflow."""
