"""The family `files`: what saving does to the disk and to the caller."""
