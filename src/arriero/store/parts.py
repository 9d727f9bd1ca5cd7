"""In which pieces a large blob goes over the network. Pure; the sizes are Ollama's."""

from collections.abc import Sequence

import msgspec

_MOST_PARTS = 16
_LEAST_PART_BYTES = 100_000_000
_LARGEST_PART_BYTES = 1_000_000_000


class Part(msgspec.Struct, rename="pascal"):
    """One piece, and how much of it is here: in the JSON that Ollama keeps beside a download under way."""

    n: int
    """Its number, from 0."""
    offset: int
    """Where it begins, in bytes."""
    size: int
    """Bytes."""
    completed: int = 0
    """Bytes from its beginning that are here."""

    @property
    def missing(self) -> int:
        """Bytes that are not here."""
        return self.size - self.completed


def plan_parts(size_bytes: int) -> list[Part]:
    """Divide a blob: into 16 parts, but of 100 MB at least and 1000 MB at most."""
    part_bytes = min(_LARGEST_PART_BYTES, max(_LEAST_PART_BYTES, size_bytes // _MOST_PARTS))
    offsets = range(0, size_bytes, part_bytes)
    return [Part(n, offset, min(part_bytes, size_bytes - offset)) for n, offset in enumerate(offsets)]


def is_whole(parts: Sequence[Part], size_bytes: int) -> bool:
    """Tell whether parts in the order of their offsets are a blob of this size, without holes and overlaps."""
    end = 0
    for part in parts:
        if part.offset != end or part.size <= 0 or not 0 <= part.completed <= part.size:
            return False
        end += part.size
    return end == size_bytes
