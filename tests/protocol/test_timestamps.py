import re
import time
from datetime import UTC, datetime, timedelta, timezone

from arriero.protocol.timestamps import local, utc_now

# What Go's time.Time reads: no more than nine digits, and a zone with a colon.
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")


def test_now_is_rfc_3339_in_utc_without_trailing_zeros() -> None:
    before = time.time()
    text = utc_now()
    assert RFC_3339.fullmatch(text)
    assert text.endswith("Z")
    assert not re.search(r"\.\d*0Z$", text)
    second = datetime.fromisoformat(re.sub(r"\.\d+Z|Z", "+00:00", text)).timestamp()
    assert int(before) <= second <= time.time()


def test_a_moment_is_shown_with_an_offset() -> None:
    moment = datetime(2026, 8, 22, 10, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=-4)))
    text = local(moment)
    assert RFC_3339.fullmatch(text)
    assert datetime.fromisoformat(text) == moment


def test_a_whole_second_is_shown_without_fraction() -> None:
    text = local(datetime(2026, 8, 22, 10, 0, 0, tzinfo=UTC))
    assert RFC_3339.fullmatch(text)
    assert "." not in text
