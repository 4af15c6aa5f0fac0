#!/usr/bin/env python3
"""Fail if the first line of a commit message is not a short subject: a hook for git's commit-msg."""

from __future__ import annotations

import pathlib
import sys

LIMIT = 72


def problem(message: str) -> str | None:
    """Return why git or a reader would have trouble with this message, or None."""
    lines = [line for line in message.splitlines() if not line.startswith("#")]
    subject = lines[0] if lines else ""
    if not subject.strip():
        return "the commit has no subject; write one line in the imperative, such as 'Add a check for empty keys'"
    if len(subject) > LIMIT:
        return f"the subject has {len(subject)} characters, the limit is {LIMIT}; move details to the body, after an empty line"
    if subject.endswith("."):
        return "the subject ends with a period; leave it out"
    if len(lines) > 1 and lines[1].strip():
        return "the second line is not empty; put an empty line between subject and body"
    return None


if __name__ == "__main__":
    found = problem(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.exit(found)
