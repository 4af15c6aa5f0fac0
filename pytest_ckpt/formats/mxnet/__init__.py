"""Built-in formats for MXNet, one module for each format or group of similar formats."""
