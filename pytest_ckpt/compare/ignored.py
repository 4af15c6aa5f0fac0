"""What a comparison leaves out: aspects, and paths that match a pattern.

Knows paths as text, and no trees.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import re
from collections.abc import Iterable

from ..util.suggestions import nearest
from ..verdicts import ASPECTS, Difference

#: The aspects that count unless a caller asks for more: those that the core checks judge. Any
#: difference by which a value is lost counts as well.
CORE_ASPECTS = frozenset({"values", "dtype", "shape", "keys"})
#: An entry of ``ignore`` with one of these characters is a pattern, any other entry an aspect.
_SIGNS = re.compile(r"[.\[*?]")
_STEP = re.compile(r"""\[(?:'([^']*)'|"([^"]*)"|([^\]]*))\]""")
#: How many paths an error message shows.
_SHOWN = 5


def dotted(path: str) -> str:
    """Return a path as names with dots between them: ``['a'].b[0]`` becomes ``a.b.0``."""
    return _STEP.sub(lambda step: "." + "".join(step.groups("")), path).removeprefix(".")


@functools.cache
def _expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern. It matches a path and everything below it."""
    # "name.*" means all of a model's part, and the flags of a part have the path "name".
    text = pattern.removesuffix(".*") or pattern
    wild = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in text)
    return re.compile(rf"(?:{wild})(?:[.\[].*)?", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Ignored:
    """The aspects and the paths that do not count in a comparison.

    ``aspects`` are left out on request. A value in such an aspect is compared after a cast that
    keeps it. Unless ``extended``, aspects outside of `CORE_ASPECTS` do not count either.
    """

    aspects: frozenset[str] = frozenset()
    patterns: tuple[str, ...] = ()
    extended: bool = True
    #: The patterns that matched a path so far.
    used: set[str] = dataclasses.field(default_factory=set, compare=False, repr=False)

    def more(self, aspects: Iterable[str]) -> Ignored:
        """Return the same with more aspects."""
        return dataclasses.replace(self, aspects=self.aspects | frozenset(aspects))

    def covers(self, path: str) -> bool:
        """Return whether a pattern matches a path, printed or with dots."""
        if not self.patterns or not path:
            return False
        matching = [each for each in self.patterns if (rule := _expression(each)).fullmatch(path) or rule.fullmatch(dotted(path))]
        self.used.update(matching)
        return bool(matching)

    def hides(self, difference: Difference) -> bool:
        """Return whether a difference does not count because of its aspect or its path.

        A value that is lost counts in every aspect.
        """
        if self.covers(difference.path):
            return True
        return not difference.lost and (difference.aspect in self.aspects or not (self.extended or difference.aspect in CORE_ASPECTS))

    def check_used(self, paths: Iterable[str]) -> None:
        """Raise ValueError, with the nearest paths, for a pattern that matches none of ``paths``
        and matched none before.
        """
        if len(self.used) == len(set(self.patterns)):
            return
        known = list(dict.fromkeys(path for path in paths if path))
        for path in known:
            self.covers(path)
        for pattern in self.patterns:
            if pattern not in self.used:
                names = {dotted(path): path for path in known}
                close = difflib.get_close_matches(dotted(pattern.removesuffix(".*").strip("*")), names, n=_SHOWN, cutoff=0.4)
                what = "nearest paths" if close else "paths"
                listed = ", ".join([names[name] for name in close] or known[:_SHOWN]) or "none"
                raise ValueError(f"ignore: the pattern {pattern!r} matches no path ({what}: {listed})")


#: Leaves nothing out.
NOTHING = Ignored()


def parse(ignore: Iterable[str], extended: bool = True) -> Ignored:
    """Return the entries of ``ignore`` as aspects and patterns.

    Raises ValueError, with the nearest name, for an unknown aspect.
    """
    given = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    patterns = tuple(each for each in given if _SIGNS.search(each))
    names = frozenset(given) - frozenset(patterns)
    for name in sorted(names):
        if name not in ASPECTS:
            raise ValueError(f'unknown aspect {name!r}: {nearest(name, ASPECTS)}; for a path, write "[\'{name}\']" or "{name}.*"')
    return Ignored(names, patterns, extended)
