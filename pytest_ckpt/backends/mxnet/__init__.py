"""The backend for MXNet and Gluon."""
