"""Server-sent events: the framing of OpenAI's streams, read and written.

Read as https://html.spec.whatwg.org/multipage/server-sent-events.html says, for the one field that matters here.
"""

_MARKED_DATA = b"\xef\xbb\xbfdata:"


class SseParser:
    """Turns bytes, split anywhere, into the data of each complete event.

    Fields other than ``data`` and comments (engines send them to keep a connection open) are passed over. A stream may
    begin with a byte order mark.
    """

    __slots__ = ("_data", "_rest")

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take what one read brought and return the data of the events that it completed."""
        lines = (self._rest + chunk).split(b"\n") if self._rest else chunk.split(b"\n")
        self._rest = lines.pop()
        events = []
        data = self._data
        for raw in lines:
            line = raw[:-1] if raw.endswith(b"\r") else raw
            if line.startswith(b"data:"):
                data.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and data:
                events.append(data[0] if len(data) == 1 else b"\n".join(data))
                data.clear()
            elif line.startswith(_MARKED_DATA):
                data.append(line[len(_MARKED_DATA) :].removeprefix(b" "))
        return events


def sse_event(payload: bytes) -> bytes:
    """Frame one JSON object as an event."""
    return b"data: " + payload + b"\n\n"


def sse_named_event(name: str, payload: bytes) -> bytes:
    """Frame one JSON object as an event that has a name."""
    return b"event: " + name.encode() + b"\ndata: " + payload + b"\n\n"


SSE_DONE = b"data: [DONE]\n\n"
