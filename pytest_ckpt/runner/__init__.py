"""One format, one check, one result; and all checks of a format.

Brings together trials, verdicts, expectations and exploration. It decides what is asked and when enough was asked; it
neither compares nor judges.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import pathlib
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..checks import CHECKS, SCENARIOS, Check, FormatProfile, check_pattern, checks_for, owning_check, select_checks
from ..execution.context import Context
from ..execution.dispatch import expand, run_example
from ..expectations import Expectations, Resolved
from ..formats.base import Format
from ..results import Result, unused_patterns
from ..specs import Scenario, Spec, effort
from ..util.tempdirs import temporary_folder
from ..verdicts import ASPECTS, Difference, Judgement, Observation, Verdict, judge
from ..workers import Workers

#: Examples that are drawn for a check beyond the fixed ones, unless a run says otherwise.
EXAMPLES = 15
#: Seconds for drawing them, and seconds for shrinking the worst; the fixed ones are never cut.
EXPLORE_SECONDS = 1.0
SHRINK_SECONDS = 3.0
#: How often a counterexample is asked again, to tell a flaky format.
REPEATS = 2


class Runner:
    """Asks checks of one format. A context manager: its folder is gone when it is left, whatever happened.

    ``select``, ``examples`` and ``seed`` are those of `check_format`; ``known`` are counterexamples of earlier runs by
    check, asked before anything else; ``shrink`` says whether to look for smaller ones; ``folder`` is where its own
    folder is made (default: where temporary files go).
    """

    def __init__(
        self,
        format: Format,
        select: str | Iterable[str] | None = None,
        examples: int | None = None,
        seed: int | None = None,
        known: Mapping[str, Sequence[Spec]] | None = None,
        shrink: bool = True,
        folder: pathlib.Path | None = None,
        workers: Workers | None = None,
        keep_files: pathlib.Path | None = None,
    ) -> None:
        self.expectations = check_expectations(format)
        if examples is not None and (type(examples) is not int or examples < 0):
            raise ValueError(f"examples is a number of examples, 0 or more, not {examples!r}")
        self.format = format
        # A format that saves models and nothing else is asked about models; there is nothing to skip.
        self.checks = tuple(check for check in select_checks(format.backend, select) if _saves(format, check))
        self.examples = EXAMPLES if examples is None else examples
        self.seed = 0 if seed is None else seed
        self.known = known or {}
        self.shrinks = shrink
        models = "state" if format.save_model is None else "whole" if format.whole_model else "into"
        partial = format.load_partial is not None
        self.asking = FormatProfile(format.backend, format.accepts, format.template, models, partial, format.save is not None)
        self._names = frozenset(check.name for check in self.checks)
        self._seen: dict[str, dict[str, Verdict]] = {}
        self._premises: dict[Spec, str | None] = {}
        self._above = folder
        self._workers = workers
        self._keep_files = keep_files
        self._folder = contextlib.ExitStack()

    def __enter__(self) -> Runner:
        folder = self._folder.enter_context(temporary_folder(self._above))
        self.context = self._folder.enter_context(Context(self.format, folder, self._workers))
        return self

    def __exit__(self, *exception: object) -> None:
        self._folder.close()

    def run(self, check: Check) -> Result:
        """The result of one check; it is the same whatever was asked before."""
        start = time.perf_counter()
        asked = _Asked(self, check)
        for spec in self.known.get(check.name, ()):
            asked.visit(spec)
        for spec in itertools.chain.from_iterable(expand(self.context, spec) for spec in check.examples(self.asking)):
            asked.visit(spec)
            if self.context.hopeless:
                break
        # What hangs takes the longest time that there is, and a new process some: of that no more is asked than has to be.
        ends = asked.hung() or self.context.hopeless
        if check.explore is not None and asked.seen and not asked.nothing_to_ask() and not ends:
            from .exploration import explore

            seed = zlib.crc32(f"{self.seed} {check.name}".encode())
            with self.context.settings():
                asked.cut = not explore(check.explore(self.asking), asked.visit, count=self.examples, seed=seed, seconds=EXPLORE_SECONDS)
        if not ends and not asked.hung():
            result = self.conclude(check, asked)
            if self.shrinks and result.failed and check.explore is not None and result.verdict is not None:
                self._shrink(check, asked, result.verdict)
            asked.repeat()
        result = self.conclude(check, asked)
        if result.failed and self._keep_files is not None and isinstance(result.counterexample, Scenario):
            result = self._kept_files(check, result, result.counterexample)
        return dataclasses.replace(result, seconds=time.perf_counter() - start)

    def _kept_files(self, check: Check, result: Result, spec: Scenario) -> Result:
        """Asks the counterexample once more, and leaves its files where they can be looked at."""
        assert self._keep_files is not None
        place = _new_place(self._keep_files / self.format.name / check.family, check.case)
        self._observe(check, spec, keep_in=place)
        return dataclasses.replace(result, detail=f"{result.detail}\nits files: {place}") if place.exists() else result

    def _shrink(self, check: Check, asked: _Asked, verdict: Verdict) -> None:
        from .exploration import shrink

        assert check.explore is not None
        seed = zlib.crc32(f"{self.seed} {check.name}".encode())
        with self.context.settings():
            shrink(
                check.explore(self.asking),
                lambda spec: asked.is_bad(spec, verdict),
                count=max(self.examples, EXAMPLES),
                seed=seed,
                seconds=SHRINK_SECONDS,
            )

    def conclude(self, check: Check, asked: _Asked) -> Result:
        """The result, from everything that was seen."""
        expected = self.expectations.for_check(check.name)
        summary = check.why.split("\n\n")[0].replace("\n", " ")
        common: dict[str, Any] = {
            "format": self.format.name, "backend": self.format.backend, "check": check.name, "expectation": expected.expectation,
            "examples": len(asked.seen), "summary": summary, "key": expected.key, "pattern_size": self._pattern_size(expected),
        }  # fmt: skip
        worst = asked.worst()
        if worst is None:
            reason = next(
                (each.skipped for each in asked.seen.values() if each.skipped),
                f"there is no example of this for a format that {self._described()}",
            )
            return Result(verdict=None, passed=False, skipped=reason, **common)
        spec, judgement = worst
        assert judgement.verdict is not None
        outside = not self.format.in_domain(spec)
        passed = expected.allows(judgement.verdict, outside)
        kept = judgement.verdict is Verdict.KEPT
        detail = judgement.detail + asked.flakiness(spec) + (asked.share(judgement.verdict, check.shares) if check.shares else "")
        if kept and (skips := [each.skipped for each in asked.seen.values() if each.skipped]):
            detail = f"{len(skips)} of {len(asked.seen)} examples could not be asked: {skips[0]}"
        if asked.cut:
            detail += f"\nthe time for drawing was up after {len(asked.seen)} examples"
        return Result(
            verdict=judgement.verdict,
            passed=passed,
            counterexample=None if kept else spec,
            detail=detail.strip(),
            outside=outside,
            limitation=judgement.limitation,
            **common,
        )

    def _described(self) -> str:
        """What the format takes, in words: why a check may have no example for it."""
        words = [f"accepts {self.format.accepts!r}"] if self.format.save is not None else []
        loads = {"into": "loads a model into a clone", "whole": "loads whole models", "state": "has no functions for models"}
        words.append(loads[self.asking.models])
        return ", ".join(
            [*words, *([] if self.asking.template else ["has no template"]), *([] if self.asking.partial else ["no load_partial"])]
        )

    def _pattern_size(self, expected: Resolved) -> int:
        """Return the number of checks that the pattern which applies covers, or 0 if no pattern applies."""
        if not expected.is_pattern or expected.key is None:
            return 0
        return len(self.expectations.checks_under(expected.key, (each.name for each in checks_for(self.format.backend))))

    def judge(self, check: Check, spec: Spec) -> Judgement:
        """Saves and loads one spec, and judges what was seen."""
        for simpler in check.premise(spec) if check.premise is not None and self.format.unsupported(spec) is None else ():
            if why := self._not_kept(simpler):
                return Judgement(None, skipped=why)

        def asked_elsewhere(difference: Difference) -> str | None:
            other = owning_check(difference)
            if other is None or other == check.name or other not in self._names:
                return None
            seen = self._seen_by(other).get(difference.aspect)
            return other if seen is not None and seen >= difference.verdict else None

        return judge(self._observe(check, spec), check.judges, asked_elsewhere, check.allows)

    def _observe(self, check: Check, spec: Spec, keep_in: pathlib.Path | None = None) -> Observation:
        """What a trial shows, in a worker where the format asks for that, or where it is declared that the process dies."""
        expected = self.expectations.for_check(check.name).expectation
        dies = expected is not None and expected.verdict is Verdict.CRASHED
        return run_example(self.context, spec, check.limit, in_worker=self.format.isolate or dies, keep_in=keep_in)

    def _not_kept(self, spec: Spec) -> str | None:
        """Why a spec that a question builds on does not come back, in words; None if it does."""
        if spec not in self._premises:
            everything = judge(run_example(self.context, spec, in_worker=self.format.isolate), ASPECTS, lambda difference: None)
            lost = everything.verdict is None or everything.verdict not in (Verdict.KEPT, Verdict.CONVERTED)
            words = everything.skipped or f"{everything.verdict}: {everything.detail}"
            self._premises[spec] = f"what the question builds on is not kept: {words} ({spec!r})" if lost else None
        return self._premises[spec]

    def _seen_by(self, name: str) -> dict[str, Verdict]:
        """How bad the differences are that another check of this run sees by its fixed examples, by aspect.

        Only what that check really sees may be left to it: a dtype that is lost for this layout alone is nobody else's to
        tell, and neither is a tensor that is gone where others merely change their class.
        """
        if name not in self._seen:
            check = CHECKS[name]
            found: dict[str, Verdict] = {}
            for spec in check.examples(self.asking):
                for difference in self._observe(check, spec).differences:
                    if difference.aspect in check.judges:
                        found[difference.aspect] = max(difference.verdict, found.get(difference.aspect, Verdict.KEPT))
            self._seen[name] = found
        return self._seen[name]


def _new_place(folder: pathlib.Path, name: str) -> pathlib.Path:
    """A name in the folder that nothing has yet: nobody's files are written over."""
    return next(place for number in itertools.count() if not (place := folder / (f"{name}-{number}" if number else name)).exists())


def _saves(format: Format, check: Check) -> bool:
    """Whether the format has functions for what a check saves."""
    if format.save is not None:
        return True
    if check.family == "training":
        return format.save_training is not None
    return format.save_model is not None and check.family in ("model", "mismatch", *SCENARIOS)


class _Asked:
    """Everything that one check has seen so far: each spec once, with how it was judged."""

    def __init__(self, runner: Runner, check: Check) -> None:
        self.runner = runner
        self.check = check
        self.seen: dict[Spec, Judgement] = {}
        self.again: dict[Spec, list[Verdict | None]] = {}
        self.cut = False
        self._hung_before = runner.context.timeouts

    def hung(self) -> bool:
        """Whether an example hung."""
        return self.runner.context.timeouts > self._hung_before

    def visit(self, spec: Spec) -> Judgement:
        if spec not in self.seen:
            self.seen[spec] = self.runner.judge(self.check, spec)
        return self.seen[spec]

    def share(self, verdict: Verdict, called: bool | str) -> str:
        """Which share of the examples got the verdict; ``called`` is what they are."""
        judged = [each.verdict for each in self.seen.values() if each.verdict is not None]
        what = called if isinstance(called, str) else "examples"
        unseen = ": load gave other values and raised nothing" if isinstance(called, str) and verdict is Verdict.CHANGED else ""
        return f"\n{judged.count(verdict)} of {len(judged)} {what} got {verdict}{unseen}"

    def is_bad(self, spec: Spec, verdict: Verdict) -> bool:
        """Whether a spec gets ``verdict`` or a worse one; refusing what is outside the domain does not count."""
        found = self.visit(spec).verdict
        return found is not None and found >= verdict and self._counts(spec, found)

    def _counts(self, spec: Spec, verdict: Verdict) -> bool:
        return verdict is not Verdict.REFUSED or self.runner.format.in_domain(spec)

    def nothing_to_ask(self) -> bool:
        """Whether every example was skipped because it cannot be built here."""
        return all(judgement.verdict is None for judgement in self.seen.values())

    def worst(self) -> tuple[Spec, Judgement] | None:
        """The smallest spec with the worst verdict. Refusals outside the domain count only where there is nothing else."""
        judged = [(spec, judgement) for spec, judgement in self.seen.items() if judgement.verdict is not None]
        counted = [pair for pair in judged if pair[1].verdict and self._counts(pair[0], pair[1].verdict)]
        if not (pool := counted or judged):
            return None
        top = max(judgement.verdict for _, judgement in pool if judgement.verdict)
        return min((pair for pair in pool if pair[1].verdict is top), key=lambda pair: effort(pair[0]))

    def repeat(self) -> None:
        """Asks the counterexample again, to see whether the verdict stands."""
        worst = self.worst()
        if worst is not None and worst[1].verdict is not Verdict.KEPT:
            self.again[worst[0]] = [self.runner.judge(self.check, worst[0]).verdict for _ in range(REPEATS)]

    def flakiness(self, spec: Spec) -> str:
        verdicts = [self.seen[spec].verdict, *self.again.get(spec, [])]
        same = verdicts.count(verdicts[0])
        return "" if same == len(verdicts) else f"\nflaky: {same} of {len(verdicts)} tries of this example got {verdicts[0]}"


def check_expectations(format: Format) -> Expectations:
    """Return the expectations of the format, resolved.

    Raises ValueError if a key of ``expected_failures`` names no check of any backend, or if two patterns cover the same check.
    """
    for name in format.expected_failures:
        try:
            check_pattern(name)
        except ValueError as error:
            raise ValueError(f"format {format.name!r}, expected_failures: {error}") from None
        if name == "all":
            raise ValueError(f"format {format.name!r}, expected_failures: 'all' is no check; name the families, or a glob")
    expectations = Expectations(format.expected_failures)
    for check in checks_for(format.backend):
        expectations.for_check(check.name)
    return expectations


def check_format(
    format: Format,
    select: str | Iterable[str] | None = None,
    examples: int | None = None,
    seed: int | None = None,
    keep_files: str | pathlib.Path | None = None,
) -> list[Result]:
    """Asks the checks of ``format`` without pytest: a list of `Result`, in a fixed order.

    ``select`` holds families, names and globs, one with a leading "-" takes away, "all" is every check (default: the core
    checks); ``examples`` is how many are drawn beyond the fixed ones; the same ``seed`` draws the same; in the folder ``keep_files`` the
    damaged, hostile or half-written files are left that show a failure. Raises ValueError or ImportError at once for what cannot
    be asked.
    """
    if not isinstance(format, Format):
        raise TypeError(f"check_format takes a Format, not {type(format).__name__}")
    with Runner(format, select, examples, seed, keep_files=pathlib.Path(keep_files) if keep_files else None) as runner:
        results = [runner.run(check) for check in runner.checks]
    return [*results, *unused_patterns(results)]
