"""Compare two trees, or two models, bit for bit."""
