"""Specs of scenarios: more happens to a checkpoint than that it is saved and loaded. Plain Python."""

from __future__ import annotations

import dataclasses

from .base import Spec


class Scenario(Spec):
    """Base of specs in which something happens while ``saved``, a tree or a model, is saved or loaded."""

    saved: Spec


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class NamedScenario(Scenario):
    """``saved`` is saved and loaded in the situation of a check.

    ``case`` is the name of the check, such as "files/overwrite-smaller". Depending on the check,
    ``other`` is another object that is saved at the same path or next to it, and ``how`` selects
    one of several situations.
    """

    case: str
    saved: Spec
    other: Spec | None = None
    how: str = ""
