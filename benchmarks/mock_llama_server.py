"""A llama-server that has no model: it takes the same flags and streams the same bytes, as cheaply as it can.

A request's ``max_tokens`` says how many chunks of text it gets. MOCK_LLAMA_INTERVAL_MS is the time from one chunk to
the next; 0 sends them all at once, so that they reach the reader together.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from typing import Any, cast

_HEAD = (
    b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\nAccess-Control-Allow-Origin: \r\nX-Accel-Buffering: no\r\n"
    b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5, max=100\r\n\r\n"
)
_HEALTHY = b'{"status":"ok"}'
_MISSING = b'{"error":{"code":404,"message":"File Not Found","type":"not_found_error"}}'
_MODEL = "/home/somebody/.local/share/arriero/models/blobs/sha256-" + "0123456789abcdef" * 4
_DEFAULT_CHUNKS = 64
_PROMPT_TOKENS = 31


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    flags, _ = parser.parse_known_args()
    interval_s = float(os.environ.get("MOCK_LLAMA_INTERVAL_MS", "0")) / 1000
    run_server(flags.host, flags.port, lambda: MockConnection(interval_s))


def run_server(host: str, port: int, connection: Callable[[], asyncio.Protocol]) -> None:
    """Listen for ever."""
    _run(_serve(host, port, connection))


async def _serve(host: str, port: int, connection: Callable[[], asyncio.Protocol]) -> None:
    server = await asyncio.get_running_loop().create_server(connection, host, port, backlog=512)
    await server.serve_forever()


class MockConnection(asyncio.Protocol):
    """One connection: one request, one answer, closed as llama.cpp closes it."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._received = b""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # What uvloop passes is no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def connection_lost(self, _: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if separator and len(body) >= content_length(head):
            self._received = b""
            self._answer(head.split(b" ", 2)[1], body)

    def _answer(self, path: bytes, body: bytes) -> None:
        if path == b"/health":
            self._finish(in_one_piece(b"200 OK", _HEALTHY))
        elif path not in {b"/v1/chat/completions", b"/v1/completions"}:
            self._finish(in_one_piece(b"404 Not Found", _MISSING))
        else:
            self._send(make_answer(json.loads(body).get("max_tokens", _DEFAULT_CHUNKS), is_chat=b"chat" in path))

    def _send(self, pieces: list[bytes]) -> None:
        if self._interval_s:
            self._write(pieces, 0, asyncio.get_running_loop().time())
        else:
            self._finish(b"".join(pieces))

    def _write(self, pieces: list[bytes], place: int, started_s: float) -> None:
        """Write one piece, and the next one when its time has come."""
        if place == len(pieces) - 1:
            self._finish(pieces[place])
            return
        self._transport.write(pieces[place])
        due_s = started_s + (place + 1) * self._interval_s
        self._timer = asyncio.get_running_loop().call_at(due_s, self._write, pieces, place + 1, started_s)

    def _finish(self, piece: bytes) -> None:
        self._transport.write(piece)
        self._transport.close()


def make_answer(chunks: int, *, is_chat: bool) -> list[bytes]:
    """Return the writes of one answer: one a chunk of text, the first with the head, the last with what ends it.

    They are what llama.cpp sends: the role goes out with the first text, the reason to stop with usage and timings.
    """
    text = _TEXT[is_chat]
    opening = _HEAD + (http_chunk(_ROLE + text) if is_chat else http_chunk(text))
    pieces = [opening, *([http_chunk(text)] * (chunks - 1))]
    pieces[-1] += http_chunk(_end(chunks, is_chat=is_chat)) + http_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    return pieces


def _event(choices: list[Any], *, is_chat: bool, **more: Any) -> bytes:  # JSON of llama.cpp's making
    payload = {
        "choices": choices,
        "created": 1795294823,
        "id": "chatcmpl-LArU0UjAe77bPLc5xhtOKm0zygcMbbvc",
        "model": _MODEL,
        "system_fingerprint": "b0-unknown",
        "object": "chat.completion.chunk" if is_chat else "text_completion",
        **more,
    }
    return b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"


def _delta(reason: str | None, **delta: str | None) -> dict[str, Any]:
    return {"finish_reason": reason, "index": 0, "delta": delta}


def _piece(reason: str | None, text: str) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}


_ROLE = _event([_delta(None, role="assistant", content=None)], is_chat=True)
_TEXT = {
    True: _event([_delta(None, content=" mule")], is_chat=True),
    False: _event([_piece(None, " mule")], is_chat=False),
}


def _end(chunks: int, *, is_chat: bool) -> bytes:
    counts = {
        "usage": {
            "completion_tokens": chunks,
            "prompt_tokens": _PROMPT_TOKENS,
            "total_tokens": _PROMPT_TOKENS + chunks,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
        "timings": {
            "cache_n": 0,
            "prompt_n": _PROMPT_TOKENS,
            "prompt_ms": 32.526,
            "prompt_per_token_ms": 1.0492258064516129,
            "prompt_per_second": 953.0836868966366,
            "predicted_n": chunks,
            "predicted_ms": 7.794 * chunks,
            "predicted_per_token_ms": 7.794,
            "predicted_per_second": 128.30382345393893,
        },
    }
    if is_chat:
        return _event([_delta("length")], is_chat=True) + _event([], is_chat=True, **counts)
    return _event([_piece("length", "")], is_chat=False, **counts)


def http_chunk(data: bytes) -> bytes:
    """Return a piece of a body whose length is not known before."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def in_one_piece(status: bytes, body: bytes) -> bytes:
    """Return an answer that is not streamed."""
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


def content_length(head: bytes) -> int:
    """Return the length of a body, by the head of its message."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _run(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop  # there is none on Windows
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()
