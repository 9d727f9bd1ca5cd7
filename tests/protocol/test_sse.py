import pytest
from hypothesis import given
from hypothesis import strategies as st

from arriero.protocol.sse import SSE_DONE, SseParser, sse_event


def payloads(*chunks: bytes) -> list[bytes]:
    parser = SseParser()
    return [payload for chunk in chunks for payload in parser.feed(chunk)]


def test_what_is_written_is_read_back() -> None:
    assert payloads(sse_event(b'{"n":1}') + sse_event(b"{}") + SSE_DONE) == [b'{"n":1}', b"{}", b"[DONE]"]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\n", [b"a"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\r\n\r\n", [b"a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data:\n\n", [b""]),
        (b": ping\n\n", []),
        (b": ping\ndata: a\n\n", [b"a"]),
        (b"event: message\nid: 7\nretry: 10\ndata: a\n\n", [b"a"]),
        (b"\n\n\ndata: a\n\n\n\n", [b"a"]),
        (b"data: a\n", []),
        (b"data: a", []),
        (b"database: a\n\n", []),
    ],
)
def test_reads_the_data_of_complete_events(stream: bytes, expected: list[bytes]) -> None:
    assert payloads(stream) == expected


def test_an_event_is_told_as_soon_as_its_last_byte_is_there() -> None:
    parser = SseParser()
    assert parser.feed(b"data: a\n") == []
    assert parser.feed(b"\nda") == [b"a"]
    assert parser.feed(b"ta: b\r") == []
    assert parser.feed(b"\n\r\n") == [b"b"]


TEXTS = st.text(st.sampled_from('añ😀路由器 :\\"{}x'), max_size=12) | st.text(max_size=12)
LINES = TEXTS.map(lambda text: text.replace("\r", "").replace("\n", "").encode(errors="replace"))
EVENTS = st.lists(st.tuples(LINES, st.sampled_from([b"", b": ping\n", b"event: x\r\n", b":\n\n"])), max_size=6)


@given(EVENTS, st.sampled_from([b"\n", b"\r\n"]))
def test_where_the_stream_is_split_does_not_matter(events: list[tuple[bytes, bytes]], end: bytes) -> None:
    expected = [line for line, _ in events]
    stream = b"".join(before + b"data: " + line + end + end for line, before in events)
    assert payloads(stream) == expected
    assert payloads(*(stream[at : at + 1] for at in range(len(stream)))) == expected
    for at in range(len(stream)):
        assert payloads(stream[:at], stream[at:]) == expected
