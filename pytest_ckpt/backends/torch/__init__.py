"""The backend torch."""
