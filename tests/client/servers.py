"""Servers that play the local Ollama and the remote SGLang, over real HTTP: they say what they are told to say."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

# Bodies are JSON.
from typing import Any, Literal

from aiohttp import web
from aiohttp.test_utils import TestServer

LOCAL_MODEL, REMOTE_MODEL = "llama3.2", "Qwen/Qwen2.5-1.5B-Instruct"
CHATS = ("/api/chat", "/v1/chat/completions")
_LOOKS = ("/v1/models", "/api/version", "/api/tags", "/api/ps")
Verdict = Literal["easy", "hard"]


def by_length(request: str) -> Verdict:
    """Short requests are easy."""
    return "hard" if len(request) > 20 else "easy"


@dataclass(slots=True)
class StandIn:
    """A server of one kind with one model.

    says: the pieces of its answers. judges: what is likelier of a request, or what it says instead. capabilities: its
    model's. refuses: the status and words with which it answers chats. breaks_after: so many pieces, it closes the
    connection. waits: at the end of each chat, until that is set; judge_waits: so does its judge. is_loaded: its model
    is in memory. port: that it listens at. asked: paths and bodies, without looks; keys: what all requests came with.
    running, cancelled: chats under way, and those that were left.
    """

    kind: Literal["ollama", "sglang"] = "ollama"
    name: str = f"{LOCAL_MODEL}:latest"
    says: Sequence[str] = ("Hello", " there", ".")
    judges: Callable[[str], Verdict] | str = by_length
    capabilities: Sequence[str] = ("completion",)
    refuses: tuple[int, str] | None = None
    breaks_after: int | None = None
    waits: asyncio.Event | None = None
    judge_waits: asyncio.Event | None = None
    is_loaded: bool = True
    asked: list[tuple[str, Any]] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    port: int = 0
    url: str = ""
    running: int = 0
    cancelled: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def bodies(self, path: str) -> list[Any]:
        """What a path was asked."""
        return [body for asked, body in self.asked if asked == path]

    @property
    def chats(self) -> list[Any]:
        """What it was asked to answer."""
        return [body for path, body in self.asked if path in CHATS]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.keys.add(request.headers.get("Authorization", ""))
        if request.path not in _LOOKS:
            self.asked.append((request.path, json.loads(body) if body else None))
        if request.method == "GET":
            return self._look(request.path)
        asked = json.loads(body)
        if request.path == "/api/generate" and self.kind == "ollama":
            return await self._judge(asked)
        if request.path == ("/api/chat" if self.kind == "ollama" else "/v1/chat/completions"):
            return await self._chat(request)
        return web.json_response({"error": "not found"}, status=404)

    def _look(self, path: str) -> web.Response:
        tag = {"name": self.name, "model": self.name, "size": 10, "digest": "a" * 64, "details": {"family": "llama"}}
        known: Mapping[str, object] = {
            "/v1/models": {"data": [{"id": self.name, "owned_by": self.kind, "max_model_len": 8192}]},
        }
        if self.kind == "ollama":
            known = {
                "/v1/models": {"data": [{"id": self.name, "owned_by": "library"}]},
                "/api/version": {"version": "0.40.12"},
                "/api/tags": {"models": [{**tag, "capabilities": self.capabilities}]},
                "/api/ps": {"models": [{**tag, "context_length": 4096}] if self.is_loaded else []},
            }
        return web.json_response(known.get(path, {"error": "not found"}), status=200 if path in known else 404)

    async def _judge(self, asked: Any) -> web.Response:
        if self.judge_waits is not None:
            await self.judge_waits.wait()
        if isinstance(self.judges, str):
            return web.json_response({"response": self.judges, "done": True})
        request = asked["prompt"].rpartition('Request: "')[2].rpartition('"')[0]
        likely = self.judges(request)
        odds = {likely: 0.95, "easy" if likely == "hard" else "hard": 0.05}
        top = [{"token": f" {word}", "logprob": math.log(chance)} for word, chance in odds.items()]
        return web.json_response(
            {
                "response": f" {likely}",
                "logprobs": [{**top[0], "top_logprobs": top}],
                "done": True,
                "done_reason": "stop",
            }
        )

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        if self.refuses is not None:
            status, words = self.refuses
            return web.json_response({"error": words}, status=status)
        self._count(1)
        is_over = False
        try:
            response = web.StreamResponse()
            await response.prepare(request)
            for number, piece in enumerate(self.says):
                if number == self.breaks_after and request.transport is not None:
                    request.transport.close()
                await response.write(self._piece(piece))
            if self.waits is not None:
                await self.waits.wait()
            await response.write(self._end())
            is_over = True
        finally:
            self.cancelled += not is_over
            self._count(-1)
        return response

    def _piece(self, text: str) -> bytes:
        if self.kind == "ollama":
            return _line({"message": {"role": "assistant", "content": text}, "done": False})
        return _event({"choices": [{"index": 0, "delta": {"content": text}}]})

    def _end(self) -> bytes:
        counts = {"prompt_eval_count": 11, "eval_count": 3, "prompt_eval_duration": 2, "eval_duration": 3}
        if self.kind == "ollama":
            return _line(
                {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", **counts}
            )
        usage = {"prompt_tokens": 11, "completion_tokens": 3}
        end = _event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": usage})
        return end + b"data: [DONE]\n\n"

    def _count(self, change: int) -> None:
        self.running += change
        self.changed.set()
        self.changed = asyncio.Event()


# Fields of any type.
def remote(**changes: Any) -> StandIn:
    """A remote SGLang."""
    return StandIn(kind="sglang", name=REMOTE_MODEL, says=("Quantum", " computing", " is ..."), **changes)


def _line(body: Mapping[str, object]) -> bytes:
    return json.dumps(body).encode() + b"\n"


def _event(body: Mapping[str, object]) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


@asynccontextmanager
async def listening(*servers: StandIn) -> AsyncIterator[None]:
    """Have servers listen; their addresses are put into them."""
    running: list[TestServer] = []
    try:
        for server in servers:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", server.handle)
            running.append(TestServer(app, port=server.port or None))
            await running[-1].start_server()
            server.url = str(running[-1].make_url("")).rstrip("/")
        yield
    finally:
        for each in running:
            await each.close()
