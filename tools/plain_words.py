#!/usr/bin/env python3
"""Fail if text uses too many words of the list below: python tools/plain_words.py [PATH ...]

Text is Markdown, and the docstrings, comments and messages of Python files. Each PATH may have up
to 1.5 of these words in 1,000; a single file may always have one. Without a PATH, each of the main
folders and pages of the project is checked. With --show, every use is printed with advice.
"""

from __future__ import annotations

import argparse
import ast
import io
import pathlib
import re
import sys
import tokenize
from collections.abc import Iterator

LIMIT = 1.5
#: How many uses are printed for a path above the limit, without --show.
SHOWN = 20
PATHS = (
    "pytest_ckpt",
    "tests",
    "docs",
    "examples",
    "benchmarks",
    "tools",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)

#: Words that make text hard to read for a stranger, and what to write instead.
ADVICE = {
    r"nobody|somebody|whoever|wherever": "name the subject",
    r"of (?:what|which|whom)|none of what|nothing of": "name the noun: 'the file that', 'the name of the check'",
    r"(?:is|are|was|were) (?:asked|told|content)|asks? (?:about|for|it|of)": "a check runs, a person is informed, a call succeeds",
    r"comes? back|came back": "is restored, is returned",
    r"(?:stands?|lies?|lay|stood) (?:at|beside|here|in|there)": "exists, is at",
    r"(?:is|are|was|were) (?-i:none)": "there is no ..., is empty",
    r"what (?:are|came|comes|has|is|it|stands|they|was|were)": "name the noun: 'the value that'",
    r"(?:has|have) to be": "must be",
    r"agreed to|as it (?:is|lies|was)|in words|litter": "allowed; unchanged; as text; leftovers",
    r"alone|apart|beside|by itself|of (?:its|one's) own": "only, separate, next to",
    r"each time|that there is": "every time; leave it out",
}
PATTERN = re.compile(r"\b(?:" + "|".join(f"(?P<w{number}>{words})" for number, words in enumerate(ADVICE)) + r")\b", re.IGNORECASE)


def texts(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    """Yield the number and the text of each part of a file that people read."""
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        in_code = False
        for number, line in enumerate(source.splitlines(), start=1):
            in_code ^= line.lstrip().startswith("```")
            if not in_code:
                yield number, re.sub(r"`[^`]*`", "code", line)
        return
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        # Shorter strings are names, paths and keys.
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value.split()) > 3:
            yield node.lineno, node.value


def check(root: pathlib.Path, show: bool) -> bool:
    """Print the rate of one path, and return whether it is within the limit."""
    files = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.suffix in (".md", ".py"))
    words = 0
    found = []
    for path in files:
        if path.samefile(__file__):
            continue
        for number, text in texts(path):
            words += len(text.split())
            found += [(path, number, match) for match in PATTERN.finditer(text)]
    rate = 1000 * len(found) / max(words, 1)
    passed = rate <= LIMIT or (root.is_file() and len(found) < 2)
    if show or not passed:
        advice = list(ADVICE.values())
        for path, number, match in found if show else found[:SHOWN]:
            print(f"{path}:{number}: {match[0]!r}: {advice[int(str(match.lastgroup)[1:])]}")
    if show or not passed or not root.is_file():
        print(f"{root}: {rate:.1f} per 1,000 words ({len(found)} of {words}){'' if passed else f', the limit is {LIMIT}'}")
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*", type=pathlib.Path, metavar="PATH")
    parser.add_argument("--show", action="store_true", help="print every use, also within the limit")
    options = parser.parse_args()
    root = pathlib.Path(__file__).parent.parent
    paths = options.paths or [root / path for path in PATHS]
    if missing := [path for path in paths if not path.exists()]:
        parser.error(f"no such file or folder: {missing[0]}")
    results = [check(path, options.show) for path in paths]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
