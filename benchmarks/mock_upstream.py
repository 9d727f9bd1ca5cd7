"""A vLLM without a model: it lists one, and streams as many chunks as it is asked for. It keeps connections open."""

import argparse
import json

from benchmarks.mock_llama_server import MockConnection, in_one_piece, make_answer, run_server

MODEL = "mock"
_MODELS = json.dumps(
    {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "vllm", "max_model_len": 4096}]}
).encode()


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    run_server("127.0.0.1", parser.parse_args().port, KeptConnection)


class KeptConnection(MockConnection):
    """A connection that takes one request after the other."""

    def __init__(self) -> None:
        super().__init__(interval_s=0.0)

    def _answer(self, path: bytes, body: bytes) -> None:
        if path == b"/v1/models":
            self._finish(in_one_piece(b"200 OK", _MODELS))
        elif path == b"/v1/chat/completions":
            self._finish(b"".join(make_answer(json.loads(body)["max_tokens"], is_chat=True)))
        else:
            self._finish(in_one_piece(b"404 Not Found", b'{"detail":"Not Found"}'))

    def _finish(self, piece: bytes) -> None:
        self._transport.write(piece)


if __name__ == "__main__":
    main()
