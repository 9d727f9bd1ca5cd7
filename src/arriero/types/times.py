"""When things happened in the course of an answer."""

import msgspec

from arriero.types.usage import Usage


class Durations(msgspec.Struct, frozen=True):
    """Of an answer, in nanoseconds: all of it, getting its engine, reading the prompt, writing the answer."""

    total_ns: int
    load_ns: int
    prompt_ns: int
    completion_ns: int


class Times(msgspec.Struct, frozen=True):
    """Moments of one answer, in nanoseconds of one clock.

    It was asked for, its engine was had, its first events came, and now it is complete.
    """

    asked_ns: int
    ready_ns: int
    first_ns: int
    now_ns: int

    def durations(self, usage: Usage) -> Durations:
        """What each part has taken: as the engine tells, else as measured. Clients divide by them, so none is 0."""
        return Durations(
            max(1, self.now_ns - self.asked_ns),
            max(1, self.ready_ns - self.asked_ns),
            usage.prompt_ns or max(1, self.first_ns - self.ready_ns),
            usage.completion_ns or max(1, self.now_ns - self.first_ns),
        )
