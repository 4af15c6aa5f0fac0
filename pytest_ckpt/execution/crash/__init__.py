"""The family `crash`: what is left when a save is interrupted."""
