"""Sizes as people write them: ``6GiB``, ``1.5 GB``, ``6442450944``."""

import re

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(?:([kmgt])(i?)b?|b?)", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str) -> int:
    """Bytes. ``GiB`` counts in 1024s, ``GB`` and ``G`` in 1000s. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no size: give bytes, or a number with KB, MB, GB, TB, KiB, MiB, GiB or TiB")
    number, unit, binary = found.groups(default="")
    return int(float(number) * (1024 if binary else 1000) ** _POWERS[unit.lower()])
