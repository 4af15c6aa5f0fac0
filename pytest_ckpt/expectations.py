"""Expected failures: what a format is known to lose, why, and in which versions.

This module knows verdicts and no checks. Whether a name is the name of a check is tested by the
runner, which knows all names.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable, Mapping

from .util.versions import installed_version
from .verdicts import Verdict


@dataclasses.dataclass(frozen=True)
class Expectation:
    """One expected failure: a verdict, the reason, and the versions that it applies to.

    ``when`` is a requirement such as ``"numpy<2"``. The expectation applies only if the installed
    version meets it.

    ``defect=True`` marks a bug in the library; otherwise the failure is a limitation of the format.
    It is a bug if the format has a way to store something and the library still loses it: contrary
    to its own documentation, unlike its own behavior elsewhere, or by ending the process. It is
    also a bug if the maintainers call it one. What the format has no way to store is a limitation,
    however serious the consequences.

    ``flaky=True`` marks a failure that does not occur in every run. Then this verdict and every
    milder one, KEPT included, are as expected.

    Raises ValueError if the reason is empty or ``when`` is not a requirement.
    """

    verdict: Verdict
    why: str
    when: str | None = None
    defect: bool = False
    flaky: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.why, str) or not self.why.strip():
            call = f"{self.verdict.lower()}('the format cannot store complex numbers')"
            raise ValueError(f"an expected failure needs a reason, for example {call}; got {self.why!r}")
        if self.when is not None:
            from packaging.requirements import InvalidRequirement, Requirement

            try:
                Requirement(self.when)
            except InvalidRequirement as error:
                raise ValueError(f"when={self.when!r} is not a requirement such as 'numpy<2': {error}") from None

    def allows(self, verdict: Verdict) -> bool:
        """Return whether ``verdict`` is as expected."""
        return verdict <= self.verdict if self.flaky else verdict is self.verdict

    def holds(self) -> bool:
        """Return whether the installed versions meet ``when``. Reads package metadata."""
        if self.when is None:
            return True
        from packaging.requirements import Requirement

        wanted = Requirement(self.when)
        if wanted.marker is not None and not wanted.marker.evaluate():
            return False
        installed = installed_version(wanted.name)
        return installed is not None and wanted.specifier.contains(installed, prereleases=True)


def costly(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Expect that everything is restored, but at a cost: leftover files, size, memory or time."""
    return Expectation(Verdict.COSTLY, why, when, defect, flaky)


def refused(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Expect that ``save`` raises."""
    return Expectation(Verdict.REFUSED, why, when, defect, flaky)


def converted(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Expect that every value is restored, but not its type, order, sharing or flags."""
    return Expectation(Verdict.CONVERTED, why, when, defect, flaky)


def unreadable(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Expect that ``save`` succeeds and ``load`` raises."""
    return Expectation(Verdict.UNREADABLE, why, when, defect, flaky)


def crashed(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Expect that the process dies, hangs, or runs out of memory."""
    return Expectation(Verdict.CRASHED, why, when, defect, flaky)


def changed(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Expect that no error is raised and a value, dtype, shape or key differs from the saved one."""
    return Expectation(Verdict.CHANGED, why, when, defect, flaky)


def unsafe(why: str, *, when: str | None = None, defect: bool = False, flaky: bool = False) -> Expectation:
    """Expect that loading runs foreign code, or touches something outside the checkpoint."""
    return Expectation(Verdict.UNSAFE, why, when, defect, flaky)


Declared = Mapping[str, "Expectation | list[Expectation] | tuple[Expectation, ...]"]


def is_pattern(name: str) -> bool:
    """Return whether a key of ``expected_failures`` is a glob, such as ``dtype/complex*``."""
    return any(character in name for character in "*?[")


def matches(check: str, name: str) -> bool:
    """Return whether ``name`` selects ``check``: as its name, its family, or a glob."""
    return check == name or check.split("/")[0] == name or (is_pattern(name) and fnmatch.fnmatchcase(check, name))


@dataclasses.dataclass(frozen=True)
class Resolved:
    """The expectation that applies to one check.

    Without an ``expectation`` (None), only KEPT passes. ``key`` is the key of ``expected_failures``
    that applies. An exact name always takes precedence: if its ``when`` does not hold, there is a
    ``key`` and no ``expectation``. ``is_pattern`` is true if the key is a glob or a family, which
    matches several checks. Each of these may be KEPT, but not all (`results.unused_patterns`).
    """

    expectation: Expectation | None = None
    key: str | None = None
    is_pattern: bool = False

    def allows(self, verdict: Verdict, outside: bool = False) -> bool:
        """Return whether a check passes with ``verdict``.

        ``outside`` means that the example is outside the domain of the format. There, REFUSED needs
        no declaration.
        """
        undeclared = verdict is Verdict.KEPT or (outside and verdict is Verdict.REFUSED)
        if self.expectation is None:
            return undeclared
        return self.expectation.allows(verdict) or (self.is_pattern and undeclared)


class Expectations:
    """The ``expected_failures`` of one format, resolved for the installed versions.

    The constructor reads package metadata once. `for_check` is then a lookup, so build one object
    for each format and keep it.
    """

    def __init__(self, declared: Declared) -> None:
        several = {key: [entry] if isinstance(entry, Expectation) else entry for key, entry in declared.items()}
        found = {key: next((each for each in entries if each.holds()), None) for key, entries in several.items()}
        self._exact = frozenset(declared)
        #: The expectations whose versions are installed, by key. Of a list, it is the first such one.
        self.in_force: dict[str, Expectation] = {key: each for key, each in found.items() if each is not None}
        self._resolved: dict[str, Resolved] = {}

    def for_check(self, check: str) -> Resolved:
        """Return the expectation that applies to the check named ``check``.

        An exact name takes precedence over a family or a glob. Raises ValueError if two families or
        globs match the check.
        """
        if check not in self._resolved:
            self._resolved[check] = self._resolve(check)
        return self._resolved[check]

    def checks_under(self, key: str, checks: Iterable[str]) -> list[str]:
        """Return those of ``checks`` to which ``key`` applies."""
        return [check for check in checks if self.for_check(check).key == key]

    def _resolve(self, check: str) -> Resolved:
        if check in self._exact:
            return Resolved(self.in_force.get(check), check)
        keys = [key for key in self.in_force if matches(check, key)]
        if len(keys) > 1:
            names = ", ".join(map(repr, keys))
            raise ValueError(
                f"expected_failures: {names} all match the check {check!r}; add an entry for {check!r}, or change the patterns so that "
                "only one matches"
            )
        return Resolved(self.in_force[keys[0]], keys[0], True) if keys else Resolved()
