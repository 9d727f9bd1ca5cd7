from datetime import UTC, datetime, timedelta

import pytest

from arriero.cli.units import count_text, duration_text, moment_text, size_text

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (1_340_000_000, "1.3 GB"),
        (2_000_000_000, "2 GB"),
        (274_290_656, "274 MB"),
        (10_500_000_000, "10 GB"),
        (1_200_000_000_000, "1.2 TB"),
    ],
)
def test_sizes_are_decimal(size_bytes: int, text: str) -> None:
    assert size_text(size_bytes) == text


@pytest.mark.parametrize(
    ("count", "text"), [(256, "256"), (22_713_216, "22.71M"), (3_212_749_888, "3.2B"), (10**9, "1B"), (1500, "2K")]
)
def test_counts(count: int, text: str) -> None:
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (timedelta(0), "Less than a second ago"),
        (timedelta(seconds=-1.5), "1 second ago"),
        (timedelta(seconds=-59), "59 seconds ago"),
        (timedelta(seconds=-60), "About a minute ago"),
        (timedelta(minutes=4, seconds=59), "4 minutes from now"),
        (timedelta(minutes=-60), "About an hour ago"),
        (timedelta(hours=-47), "47 hours ago"),
        (timedelta(days=-2), "2 days ago"),
        (timedelta(days=-14), "2 weeks ago"),
        (timedelta(days=-60), "2 months ago"),
        (timedelta(days=-730), "2 years ago"),
        (timedelta(days=-365 * 30), "30 years ago"),
        (timedelta(days=365 * 292), "Forever"),
    ],
)
def test_moments_are_told_as_ollama_tells_them(delta: timedelta, text: str) -> None:
    assert moment_text(NOW + delta, NOW) == text


@pytest.mark.parametrize(
    ("duration_ns", "text"),
    [
        (0, "0s"),
        (900, "900ns"),
        (1_500, "1.5µs"),
        (234_500_000, "234.5ms"),
        (130_079_000, "130.079ms"),
        (1_234_500_000, "1.2345s"),
        (4_232_710_000, "4.23271s"),
        (60_000_000_000, "1m0s"),
        (3_723_500_000_000, "1h2m3.5s"),
    ],
)
def test_durations_are_written_as_go_writes_them(duration_ns: int, text: str) -> None:
    assert duration_text(duration_ns) == text
