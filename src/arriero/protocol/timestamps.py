"""Timestamps as Go prints them: RFC 3339, nine fractional digits at most, no trailing zeros."""

import time
from datetime import datetime


def utc_now() -> str:
    """The time now in UTC, ending in ``Z``."""
    second, fraction_ns = divmod(time.time_ns(), 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
    digits = f"{fraction_ns:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


def local(moment: datetime) -> str:
    """A moment with the machine's own offset, as Ollama shows file and expiry times."""
    return moment.astimezone().isoformat()
