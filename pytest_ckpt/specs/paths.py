"""Names of checkpoints that formats take for something else: a table of cases. Each is also the name of the folder around it."""

from __future__ import annotations

#: Names with characters for which globbing has a use, and beside each a name that such a pattern would find.
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
