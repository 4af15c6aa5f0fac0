"""What happens to a checkpoint beside being saved and loaded: the specs of the families that ask what goes wrong. Plain Python."""

from __future__ import annotations

import dataclasses

from .base import Spec


class Scenario(Spec):
    """Base of specs in which something happens to ``saved``, a tree or a model, on its way to the disk or back."""

    saved: Spec


@dataclasses.dataclass(frozen=True, repr=False, eq=False)
class NamedScenario(Scenario):
    """``saved`` is saved and loaded in the circumstances that the check ``case`` is about ("files/overwrite-smaller"); ``other`` is
    what stands there before, or beside it, where the case wants something; ``how`` says which, where a case has several circumstances."""

    case: str
    saved: Spec
    other: Spec | None = None
    how: str = ""
