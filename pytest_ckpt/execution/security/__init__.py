"""The family `security`: a hostile copy of a checkpoint is loaded."""
