"""Behaves as SGLang and vLLM do where they are started and asked: slow to come up, with children, and one answer."""

import argparse
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONTEXT = 777
WAITS = "import time; time.sleep(600)"


def serve(engine: str) -> None:
    """Serve until killed. ``--stand-in-record FILE``: tells there how it was started, and whom it has started."""
    flags = argparse.ArgumentParser(allow_abbrev=False)
    flags.add_argument("--port", type=int, required=True)
    flags.add_argument("--host", required=True)
    flags.add_argument("--served-model-name", required=True)
    flags.add_argument("--stand-in-record", type=Path)
    flags.add_argument("--stand-in-dies", action="store_true")
    given, _ = flags.parse_known_args()
    sys.stderr.write(f"{engine} is loading\n")
    sys.stderr.write("\rLoading shards: 50%\rLoading shards: 100%\n")
    if given.stand_in_dies:
        sys.exit("RuntimeError: error: unrecognized arguments: --stand-in-dies")
    children = [
        subprocess.Popen([sys.executable, "-c", WAITS]),
        # vLLM and SGLang keep theirs in their own group; not all that they may start does.
        subprocess.Popen([sys.executable, "-c", WAITS], start_new_session=True),
    ]
    if given.stand_in_record:
        started = {
            "pid": os.getpid(),
            "children": [child.pid for child in children],
            "argv": sys.argv[1:],
            "environment": dict(os.environ),
        }
        with given.stand_in_record.open("a") as file:
            file.write(json.dumps(started) + "\n")
    ThreadingHTTPServer((given.host, given.port), handler(engine, given.served_model_name)).serve_forever()


def handler(engine: str, model: str) -> type[BaseHTTPRequestHandler]:
    """What answers as the engine does."""
    key = os.environ.get("VLLM_API_KEY") if engine == "vllm" else None
    card = {"id": model, "object": "model", "owned_by": engine, "root": model, "max_model_len": CONTEXT}
    answers = {
        "/v1/models": {"object": "list", "data": [card]},
        "/model_info": {"model_path": "/nowhere", "is_generation": True},
        "/server_info": {"served_model_name": model, "context_length": CONTEXT},
        "/version": {"version": "0.32.0"},
        **({"/ready": {}} if engine == "sglang" else {"/health": {}}),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_allowed = not key or self.headers.get("Authorization") == f"Bearer {key}" or self.path == "/health"
            content = answers.get(self.path) if engine == "vllm" or self.path != "/version" else None
            status = 401 if not is_allowed else 404 if content is None else 200
            self.answer(status, content or {})

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path == "/tokenize":
                self.answer(200, {"tokens": [1, 2, 3], "count": 3, "max_model_len": CONTEXT})
                return
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for piece in ("Hello", " there."):
                self.tell({"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            if "for ever" in json.dumps(asked["messages"]):
                time.sleep(600)
            self.tell({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self.tell({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
            self.wfile.write(b"data: [DONE]\n\n")

        def answer(self, status: int, content: object) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def tell(self, chunk: dict[str, object]) -> None:
            whole = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": model, **chunk}
            self.wfile.write(f"data: {json.dumps(whole)}\n\n".encode())
            self.wfile.flush()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
