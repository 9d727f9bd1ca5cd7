"""A vLLM or an Ollama without a model: it lists one, and streams as many chunks as it is asked for.

They come all at once, or each its interval after the one before it.
"""

import argparse
import json
from typing import Any

from benchmarks.mock_llama_server import MockConnection, http_chunk, in_one_piece, run_server

MODEL = "mock:latest"
_DONE = b"data: [DONE]\n\n"
MODELS = {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "vllm", "max_model_len": 4096}]}
_TAGS = {"models": [{"name": MODEL, "model": MODEL, "digest": "0" * 64, "size": 1, "capabilities": ["completion"]}]}
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
_SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\nserver: uvicorn\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
_PROMPT_TOKENS = 31
_LINE = {"model": MODEL, "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": " mule"}}


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["vllm", "ollama"])
    parser.add_argument("port", type=int)
    parser.add_argument("--interval-ms", type=float, default=0.0)
    given = parser.parse_args()
    interval_s = given.interval_ms / 1000
    run_server("127.0.0.1", given.port, lambda: KeptConnection(interval_s, is_ollama=given.kind == "ollama"))


class KeptConnection(MockConnection):
    """A connection that takes one request after the other."""

    def __init__(self, interval_s: float = 0.0, *, is_ollama: bool) -> None:
        super().__init__(interval_s)
        self._pages = (
            {b"/api/version": {"version": "0.33.0"}, b"/api/tags": _TAGS} if is_ollama else {b"/v1/models": MODELS}
        )

    def _answer(self, path: bytes, body: bytes) -> None:
        if path in self._pages:
            self._finish(in_one_piece(b"200 OK", json.dumps(self._pages[path]).encode()))
        elif path == b"/v1/chat/completions":
            self._send(vllm_answer(json.loads(body)["max_tokens"]))
        elif path == b"/api/chat":
            self._finish(_ollama_answer(json.loads(body)["options"]["num_predict"]))
        else:
            self._finish(in_one_piece(b"404 Not Found", b'{"detail":"Not Found"}'))

    def _finish(self, piece: bytes) -> None:
        self._transport.write(piece)


def vllm_answer(chunks: int) -> list[bytes]:
    """Return the writes of one answer as vLLM makes them: an event each, the role with the first text."""
    text = http_chunk(_event([_choice({"content": " mule"}, token_ids=None)]))
    opening = _event([_choice({"role": "assistant", "content": ""})], prompt_token_ids=None, prompt_text=None)
    last = _event([_choice({"content": " mule"}, "length", stop_reason=None, token_ids=None)])
    counts = {"prompt_tokens": _PROMPT_TOKENS, "total_tokens": _PROMPT_TOKENS + chunks, "completion_tokens": chunks}
    usage = _event([], usage=counts, system_fingerprint="vllm-0.32.0-176a7ba3")
    pieces = [text] * (chunks - 1) + [http_chunk(last) + http_chunk(usage) + http_chunk(_DONE) + b"0\r\n\r\n"]
    return [_SSE_HEAD + http_chunk(opening) + pieces[0], *pieces[1:]]


# JSON of vLLM's making.
def _event(choices: list[Any], **more: Any) -> bytes:
    head = {"id": "chatcmpl-81209a9d31806b55", "object": "chat.completion.chunk", "created": 1795335728, "model": MODEL}
    return b"data: " + json.dumps({**head, "choices": choices, **more}, separators=(",", ":")).encode() + b"\n\n"


def _choice(delta: dict[str, str], reason: str | None = None, **more: None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason, **more}


def _ollama_answer(chunks: int) -> bytes:
    line = json.dumps({**_LINE, "done": False}, separators=(",", ":")).encode() + b"\n"
    last = json.dumps({**_LINE, "done": True, "done_reason": "length", "eval_count": chunks}).encode() + b"\n"
    return _HEAD + http_chunk(line) * chunks + http_chunk(last) + b"0\r\n\r\n"


if __name__ == "__main__":
    main()
