"""When things happened in the course of an answer."""

import msgspec


class Times(msgspec.Struct, frozen=True):
    """Moments of one answer, in nanoseconds of one clock.

    It was asked for, its engine was had, its first events came, and now it is complete.
    """

    asked_ns: int
    ready_ns: int
    first_ns: int
    now_ns: int
