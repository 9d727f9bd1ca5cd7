"""Sizes, times and durations as Ollama's command line writes them."""

from datetime import datetime

_SIZES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"))
_COUNTS = ((10**9, "B", 1), (10**6, "M", 2), (10**3, "K", 0))
_FOREVER_YEARS = 20


def size_text(size_bytes: int) -> str:
    """A size in decimal units: ``1.3 GB``, ``94 MB``."""
    for factor, unit in _SIZES:
        if size_bytes >= factor:
            value = size_bytes / factor
            return f"{int(value)} {unit}" if value >= 10 or value == int(value) else f"{value:.1f} {unit}"
    return f"{size_bytes} B"


def count_text(count: int) -> str:
    """A number of parameters: ``134.52M``, ``3.2B``."""
    for factor, unit, digits in _COUNTS:
        if count >= factor:
            value = count / factor
            return f"{value:.{0 if value == int(value) else digits}f}{unit}"
    return str(count)


def moment_text(moment: datetime, now: datetime) -> str:
    """How far a moment is from now: ``2 days ago``, ``4 minutes from now``, ``Forever``."""
    seconds = (moment - now).total_seconds()
    hours = int(abs(seconds) / 3600)
    if seconds > 0 and hours // 24 // 365 > _FOREVER_YEARS:
        return "Forever"
    return f"{_span_text(abs(seconds))} {'from now' if seconds > 0 else 'ago'}"


def _span_text(seconds: float) -> str:
    if seconds < 60:
        whole = int(seconds)
        return "Less than a second" if whole < 1 else "1 second" if whole == 1 else f"{whole} seconds"
    minutes, hours = int(seconds / 60), int(seconds / 3600 + 0.5)
    if minutes < 60:
        return "About a minute" if minutes == 1 else f"{minutes} minutes"
    if hours < 48:
        return "About an hour" if hours == 1 else f"{hours} hours"
    return _days_text(hours)


def _days_text(hours: int) -> str:
    days = hours // 24
    if days < 14:
        return f"{days} days"
    if days < 60:
        return f"{days // 7} weeks"
    if days < 730:
        return f"{days // 30} months"
    return f"{days // 365} years"


def duration_text(duration_ns: int) -> str:
    """A duration as Go writes it: ``234.5ms``, ``1.2345s``, ``5m0s``."""
    for unit_ns, unit in ((10**3, "ns"), (10**6, "µs"), (10**9, "ms")):
        if duration_ns < unit_ns:
            return f"{_decimal(duration_ns, unit_ns // 1000)}{unit}" if duration_ns else "0s"
    minutes, rest_ns = divmod(duration_ns, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    before = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{before}{_decimal(rest_ns, 10**9)}s"


def _decimal(value: int, unit: int) -> str:
    whole, rest = divmod(value, unit)
    digits = f"{rest:0{len(str(unit)) - 1}d}".rstrip("0") if rest else ""
    return f"{whole}.{digits}" if digits else str(whole)
