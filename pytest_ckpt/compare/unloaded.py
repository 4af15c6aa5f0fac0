"""Find values that a loader did not replace: they are those that the object had before."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from ..verdicts import Difference, Verdict

#: The cause of one value, and of all values.
NOT_REPLACED = "not loaded: the value is the one from before load"
NOTHING_LOADED = "nothing was loaded: all values are those from before load"
#: Aspects that do not show whether a value was loaded.
_MILD = frozenset({"flags", "order", "alias", "strides"})
#: The random states of the process belong to no object.
_RANDOM = "['rng']"


def with_unloaded(found: Sequence[Difference], since: Sequence[Difference]) -> tuple[list[Difference], str]:
    """Return differences from the saved object, with the cause of values that were not replaced, and the cause of all.

    ``since`` are the differences between the loaded object and the same object before `load`. The second cause is
    empty unless every value is the one from before.
    """
    replaced = {each.tree_path for each in since if each.aspect not in _MILD and each.part != _RANDOM}
    causes = [_with_cause(each, replaced) for each in found]
    lost = any(each.verdict >= Verdict.CHANGED and each.part != _RANDOM for each in found)
    return causes, NOTHING_LOADED if lost and not replaced else ""


def _with_cause(difference: Difference, replaced: set[str]) -> Difference:
    own = difference.cause.startswith("the framework")
    if own or difference.aspect not in ("values", "nan-payload") or difference.tree_path in replaced:
        return difference
    return dataclasses.replace(difference, cause=NOT_REPLACED)
