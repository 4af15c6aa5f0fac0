"""Declared failures: what a format is known not to keep, why, and for which versions.

Knows verdicts; knows no check, so that whether a name exists is for the runner to say.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable, Mapping

from packaging.requirements import InvalidRequirement, Requirement

from .util.versions import installed_version
from .verdicts import Verdict


@dataclasses.dataclass(frozen=True)
class Expectation:
    """One declared failure: the verdict that is expected, the reason, and the versions it holds for.

    ``when`` is a requirement such as ``"numpy<2"``; the expectation counts only where the installed version meets it.

    ``defect`` tells a fault of the library from a limit of the format's design. A defect is the loss of what the format has a place
    for: against the library's own documentation, unlike what it does itself elsewhere, with the end of the process, or so that its
    maintainers call it a bug. What the format has no place for is a limit, however much it hurts.

    ``flaky`` is a failure that does not show every time: then this verdict or any milder one is as declared, KEPT included.
    """

    verdict: Verdict
    why: str
    when: str | None = None
    defect: bool = False
    flaky: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.why, str) or not self.why.strip():
            raise ValueError(f"an expectation needs a reason, as {self.verdict.lower()}('the format has no such notion'), not {self.why!r}")
        if self.when is not None:
            try:
                Requirement(self.when)
            except InvalidRequirement as error:
                raise ValueError(f"when={self.when!r} is no requirement such as 'numpy<2': {error}") from None

    def allows(self, verdict: Verdict) -> bool:
        """Whether a verdict is the declared one."""
        return verdict <= self.verdict if self.flaky else verdict is self.verdict

    def holds(self) -> bool:
        """Whether the installed versions are those that the expectation is about."""
        if self.when is None:
            return True
        wanted = Requirement(self.when)
        if wanted.marker is not None and not wanted.marker.evaluate():
            return False
        installed = installed_version(wanted.name)
        return installed is not None and wanted.specifier.contains(installed, prereleases=True)


def costly(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Everything comes back, at a price: files left over, size, memory, time."""
    return Expectation(Verdict.COSTLY, why, when, defect, flaky)


def refused(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """`save` raises."""
    return Expectation(Verdict.REFUSED, why, when, defect, flaky)


def converted(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Every value comes back; its type, order, sharing or flags do not."""
    return Expectation(Verdict.CONVERTED, why, when, defect, flaky)


def unreadable(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """`save` is content, and `load` raises."""
    return Expectation(Verdict.UNREADABLE, why, when, defect, flaky)


def crashed(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """The process ends, hangs, or runs out of memory."""
    return Expectation(Verdict.CRASHED, why, when, defect, flaky)


def changed(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """No error, and a value, dtype, shape or key is not what was saved."""
    return Expectation(Verdict.CHANGED, why, when, defect, flaky)


def unsafe(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Loading runs foreign code, or touches something outside the checkpoint."""
    return Expectation(Verdict.UNSAFE, why, when, defect, flaky)


Declared = Mapping[str, "Expectation | list[Expectation] | tuple[Expectation, ...]"]


def is_pattern(name: str) -> bool:
    """Whether a key of ``expected_failures`` is a glob, such as ``dtype/complex*``."""
    return any(character in name for character in "*?[")


def matches(check: str, name: str) -> bool:
    """Whether a name, a family or a glob means ``check``."""
    return check == name or check.split("/")[0] == name or (is_pattern(name) and fnmatch.fnmatchcase(check, name))


def in_force(declared: Declared, name: str) -> Expectation | None:
    """The first expectation under ``name`` whose versions are installed."""
    entry = declared[name]
    several: Iterable[Expectation] = [entry] if isinstance(entry, Expectation) else entry
    return next((expectation for expectation in several if expectation.holds()), None)


def expectation_for(declared: Declared, check: str) -> tuple[Expectation | None, str | None]:
    """What is expected of ``check``, and the key that says so; an exact name beats a pattern.

    Raises ValueError where two patterns speak for one check.
    """
    if check in declared:
        return in_force(declared, check), check
    found = [(name, in_force(declared, name)) for name in declared if matches(check, name)]
    found = [pair for pair in found if pair[1] is not None]
    if len(found) > 1:
        names = ", ".join(repr(name) for name, _ in found)
        raise ValueError(f"{names} all speak for the check {check!r} in expected_failures; name it itself, or make them disjoint")
    return (found[0][1], found[0][0]) if found else (None, None)
