"""joblib: any Python object, with the arrays next to the pickle."""

import joblib

from pytest_ckpt import Format

fmt = Format(name="joblib", backend="numpy", save=joblib.dump, load=joblib.load, accepts="tree", suffix=".joblib")
