"""What every parser of a file type uses: regions of a file, and the error for a file of another type."""

from __future__ import annotations

import dataclasses
import enum


class RegionRole(enum.Enum):
    """What the bytes of a region are, as far as other code has to know."""

    #: A header, an index, an opcode, or bytes of an unknown type.
    STRUCTURE = enum.auto()
    #: A member of an archive, stored without compression. It may be a file with regions itself.
    STORED_MEMBER = enum.auto()
    #: A member of an archive, compressed.
    COMPRESSED_MEMBER = enum.auto()


@dataclasses.dataclass(frozen=True)
class Region:
    """The bytes from ``start`` to ``stop``, a ``description`` for messages (it may be empty), and their ``role``."""

    start: int
    stop: int
    description: str
    role: RegionRole = RegionRole.STRUCTURE

    @property
    def length(self) -> int:
        """How many bytes the region has."""
        return self.stop - self.start


class ParseError(Exception):
    """The bytes do not have the type that the parser expects."""
