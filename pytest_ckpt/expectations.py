"""Expected failures: what a format is known to lose, why, and in which versions.

This module knows verdicts and no checks. Whether a name is the name of a check is tested by the
runner, which knows all names.
"""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Iterable, Iterator, Mapping

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

    Raises ValueError if the reason is empty, if ``when`` is not a requirement, and for ERROR, which
    is a bug in pytest-ckpt.
    """

    verdict: Verdict
    why: str
    when: str | None = None
    defect: bool = False
    flaky: bool = False

    def __post_init__(self) -> None:
        if self.verdict is Verdict.ERROR:
            raise ValueError("ERROR cannot be expected: it is a bug in pytest-ckpt, not a failure of the format")
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
    """The expectations that apply to one check: all entries of one key whose ``when`` holds.

    Without any, only KEPT passes. ``key`` is the key of ``expected_failures`` that applies. An
    exact name always takes precedence: if no ``when`` holds, there is a ``key`` and no expectation.
    ``is_pattern`` is true if the key is a glob or a family, which matches several checks. Each of
    these may be KEPT, but not all (`results.unused_patterns`).
    """

    expectations: tuple[Expectation, ...] = ()
    key: str | None = None
    is_pattern: bool = False

    def covers(self, verdict: Verdict, outside: bool = False) -> bool:
        """Return whether an example may get ``verdict``.

        ``outside`` means that the example is outside the domain of the format. There, REFUSED needs
        no declaration.
        """
        return (
            verdict is Verdict.KEPT or (outside and verdict is Verdict.REFUSED) or any(each.allows(verdict) for each in self.expectations)
        )

    def passes(self, verdicts: Iterable[tuple[Verdict, bool]]) -> bool:
        """Return whether a check passes whose examples got ``verdicts``, each with ``outside`` as for `covers`.

        Each verdict must be covered. If an exact name declares failures, at least one of them must
        occur; otherwise the declaration is out of date.
        """
        found = list(verdicts)
        if not all(self.covers(*pair) for pair in found):
            return False
        occurs = any(each.allows(verdict) for each in self.expectations for verdict, _ in found)
        return self.is_pattern or not self.expectations or occurs or any(each.flaky for each in self.expectations)


class Expectations:
    """The ``expected_failures`` of one format, resolved for the installed versions.

    The constructor reads package metadata once. `for_check` is then a lookup, so build one object
    for each format and keep it.
    """

    def __init__(self, declared: Declared) -> None:
        several = {key: [entry] if isinstance(entry, Expectation) else entry for key, entry in declared.items()}
        found = {key: tuple(each for each in entries if each.holds()) for key, entries in several.items()}
        self._exact = frozenset(declared)
        #: The expectations whose versions are installed, by key. All those of a list apply together.
        self.in_force: dict[str, tuple[Expectation, ...]] = {key: entries for key, entries in found.items() if entries}
        self._resolved: dict[str, Resolved] = {}

    def for_check(self, check: str) -> Resolved:
        """Return the expectations that apply to the check named ``check``.

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
            return Resolved(self.in_force.get(check, ()), check)
        keys = [key for key in self.in_force if matches(check, key)]
        if len(keys) > 1:
            names = ", ".join(map(repr, keys))
            raise ValueError(
                f"expected_failures: {names} all match the check {check!r}; add an entry for {check!r}, or change the patterns so that "
                "only one matches"
            )
        return Resolved(self.in_force[keys[0]], keys[0], True) if keys else Resolved()


def unmet_requirements(declared: Declared) -> Iterator[str]:
    """Yield one sentence for each entry that can never apply: no package that its ``when`` names is installed."""
    from packaging.requirements import Requirement

    for key, entry in declared.items():
        several = [entry] if isinstance(entry, Expectation) else entry
        requirements = [each.when for each in several if each.when is not None]
        if len(requirements) < len(several) or any(installed_version(Requirement(when).name) for when in requirements):
            continue
        names = " and ".join(dict.fromkeys(Requirement(when).name for when in requirements))
        yield f"expected_failures[{key!r}]: when={requirements[0]!r} never holds, because {names} is not installed; check the name"
