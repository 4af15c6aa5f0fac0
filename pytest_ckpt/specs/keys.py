"""A table of dict keys that formats lose, rename or merge. The keys of one case are used in one dict.

If a format may rename a key to another key, both are in the same case.
"""

from __future__ import annotations

from typing import Any

KEYS: dict[str, tuple[Any, ...]] = {
    "order": ("b", "a", "c", "B", "10", "9"),
    "unicode": ("\u00e9", "e\u0301", "日本", "\U0001f600", "ß", "ss"),
    "dot": ("a.b", "a_b", "."),
    "slash": ("a/b", "a\\b", "/a", "a"),
    "nul": ("a\0b", "a"),
    "prefix": ("a", "a.b", "a/b", "ab"),
    "int": (1, "1", 0, -1),
    "digit-string": ("0", "1", "10", "01"),
    "empty": ("", "a"),
    "long": ("k" * 1000, "k" * 999 + "l"),
    "dunder": ("__class__", "__dict__", "__init__", "_private"),
    "api-names": ("file", "like", "self", "__metadata__", "arr_0", "allow_pickle", "args", "kwds", "data", "path", "name"),
    "dots": ("..", "../a", "a"),
    "case": ("a", "A", "weight", "Weight"),
}
