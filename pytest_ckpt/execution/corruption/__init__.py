"""The family `corruption`: a damaged copy of a checkpoint is loaded."""
