"""What is said of a stretch of bytes."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, order=True)
class Region:
    """The bytes from ``start`` to ``stop``, and ``what`` they are, in words."""

    start: int
    stop: int
    what: str

    @property
    def length(self) -> int:
        return self.stop - self.start


class ParseError(Exception):
    """Bytes that are not of the kind that they were read as."""
