"""A table of names of checkpoints that formats handle incorrectly. Each is used for the folder of the checkpoint too."""

from __future__ import annotations

#: Names that are valid glob patterns, each with another name that the pattern matches.
PATTERNS: dict[str, str] = {
    "model-[abc]": "model-a",
    "model*": "model-x",
    "model?": "models",
    "{a,b}": "a",
    "[!x]*": "y1",
}

NAMES: dict[str, tuple[str, ...]] = {
    "path-space": ("my model", "two  spaces", "a (copy) & 'more'", " model ", "100%20 of $HOME"),
    "path-unicode": ("модель", "e\u0301te\u0301", "日本語", "\U0001f9e0", "ﬀﬁ", "Größe"),
    "path-dots": ("model-v1.2.3", ".hidden", "model.tar.gz", "model..1", "1.5", "model.", "step-007", "12:30:05.5"),
    "path-glob": tuple(PATTERNS),
}
