"""Hints about all results of a format together, which no single result can give."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..results import Result
from ..util.temporary_names import without_temporary_names
from ..verdicts import Verdict

#: Fewer checks with the same error may have it for their own reason.
_LEAST = 3
_CALLS = {
    Verdict.REFUSED: ("refused", "save is called as save(tree, path)"),
    Verdict.UNREADABLE: ("unreadable", "load is called as load(path), and with template=True as load(path, template)"),
}


def shared_errors(results: Iterable[Result]) -> Iterator[str]:
    """Yield a sentence for each format whose functions raised the same kind of error in every check, as for swapped arguments."""
    formats: dict[str, list[Result]] = {}
    for result in results:
        if result.verdict is not None:
            formats.setdefault(result.format, []).append(result)
    for name, judged in formats.items():
        verdicts = {str(result.verdict) for result in judged}
        messages = [without_temporary_names(result.detail.strip().split("\n")[0]) for result in judged]
        errors = {message.split(":")[0].split()[-1] for message in messages if message}
        same = len(verdicts) == len(errors) == 1 and all(messages) and all(result.failed for result in judged)
        if same and len(judged) >= _LEAST and (call := _CALLS.get(Verdict(verdicts.pop()))):
            yield f"{name}: every check was {call[0]} with the same error ({messages[0]}). Are the arguments swapped? {call[1]}"
