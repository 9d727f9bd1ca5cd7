"""A vLLM or an Ollama without a model: it lists one, and streams as many chunks as it is asked for, at once."""

import argparse
import json

from benchmarks.mock_llama_server import MockConnection, http_chunk, in_one_piece, make_answer, run_server

MODEL = "mock:latest"
_OPENAI = {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "vllm", "max_model_len": 4096}]}
_TAGS = {"models": [{"name": MODEL, "model": MODEL, "digest": "0" * 64, "size": 1, "capabilities": ["completion"]}]}
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
_LINE = {"model": MODEL, "created_at": "2026-01-01T00:00:00Z", "message": {"role": "assistant", "content": " mule"}}


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=["vllm", "ollama"])
    parser.add_argument("port", type=int)
    given = parser.parse_args()
    run_server("127.0.0.1", given.port, lambda: KeptConnection(is_ollama=given.kind == "ollama"))


class KeptConnection(MockConnection):
    """A connection that takes one request after the other."""

    def __init__(self, *, is_ollama: bool) -> None:
        super().__init__(interval_s=0.0)
        self._pages = (
            {b"/api/version": {"version": "0.33.0"}, b"/api/tags": _TAGS} if is_ollama else {b"/v1/models": _OPENAI}
        )

    def _answer(self, path: bytes, body: bytes) -> None:
        if path in self._pages:
            self._finish(in_one_piece(b"200 OK", json.dumps(self._pages[path]).encode()))
        elif path == b"/v1/chat/completions":
            self._finish(b"".join(make_answer(json.loads(body)["max_tokens"], is_chat=True)))
        elif path == b"/api/chat":
            self._finish(_ollama_answer(json.loads(body)["options"]["num_predict"]))
        else:
            self._finish(in_one_piece(b"404 Not Found", b'{"detail":"Not Found"}'))

    def _finish(self, piece: bytes) -> None:
        self._transport.write(piece)


def _ollama_answer(chunks: int) -> bytes:
    line = json.dumps({**_LINE, "done": False}, separators=(",", ":")).encode() + b"\n"
    last = json.dumps({**_LINE, "done": True, "done_reason": "length", "eval_count": chunks}).encode() + b"\n"
    return _HEAD + http_chunk(line) * chunks + http_chunk(last) + b"0\r\n\r\n"


if __name__ == "__main__":
    main()
