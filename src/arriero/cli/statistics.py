"""What ``--verbose`` tells of an answer."""

from typing import Protocol

from arriero.cli.units import duration_text


class Measured(Protocol):
    """The last object of an answer: durations in nanoseconds, counts in tokens; None for what it does not say."""

    total_duration: int | None
    load_duration: int | None
    prompt_eval_count: int | None
    prompt_eval_duration: int | None
    eval_count: int | None
    eval_duration: int | None


def statistics_text(answer: Measured) -> str:
    """Ollama's eight lines, each only where its value is above zero."""
    lines = [
        ("total duration", _duration(answer.total_duration)),
        ("load duration", _duration(answer.load_duration)),
        ("prompt eval count", _tokens(answer.prompt_eval_count)),
        ("prompt eval duration", _duration(answer.prompt_eval_duration)),
        ("prompt eval rate", _rate(answer.prompt_eval_count, answer.prompt_eval_duration)),
        ("eval count", _tokens(answer.eval_count)),
        ("eval duration", _duration(answer.eval_duration)),
        ("eval rate", _rate(answer.eval_count, answer.eval_duration)),
    ]
    return "".join(f"{f'{name}:':<21} {value}\n" for name, value in lines if value)


def _duration(duration_ns: int | None) -> str:
    return duration_text(duration_ns) if duration_ns and duration_ns > 0 else ""


def _tokens(count: int | None) -> str:
    return f"{count} token(s)" if count and count > 0 else ""


def _rate(count: int | None, duration_ns: int | None) -> str:
    return f"{(count or 0) / duration_ns * 1e9:.2f} tokens/s" if duration_ns and duration_ns > 0 else ""
