"""The backend for TensorFlow and Keras."""
