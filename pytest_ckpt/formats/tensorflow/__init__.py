"""Built-in formats for TensorFlow and Keras, one module for each format or group of similar formats."""
