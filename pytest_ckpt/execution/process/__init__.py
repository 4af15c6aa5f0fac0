"""The family `process`: what another process finds, and what a process keeps."""
