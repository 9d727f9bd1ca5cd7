"""How much of the text around a gap llama.cpp looks at; it passes over the rest without a word. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InfillRoom:
    """Tokens that are looked at before a gap and after it."""

    prefix: int
    suffix: int

    def taken(self, sizes: tuple[int, int]) -> tuple[int, int]:
        """Of so many tokens before and after, those that are looked at."""
        return min(sizes[0], self.prefix), min(sizes[1], self.suffix)


def infill_room(batch: int) -> InfillRoom:
    """The room that a batch of so many tokens gives: three quarters and one, but for llama.cpp's own marks."""
    return InfillRoom(3 * (batch // 4), max(0, batch // 4 - 2))
