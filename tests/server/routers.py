"""A running server with a router over two fake models, ``small`` and ``big``."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

# Answers are JSON, and the caller names fields of RouterSettings.
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from arriero.engines.fake import FakeEngine
from arriero.router.router import Router
from arriero.router.scoring import Scorer
from arriero.runners.carrier import Carrier
from arriero.runners.route_record import Recorder
from arriero.runners.routing import Routing
from arriero.store.layout import Store
from arriero.store.library import Library
from tests.contract.models import THINKING_TEMPLATE, TOOL_TEMPLATE
from tests.factories_store import stored
from tests.router.factories_routing import LOCAL, REMOTE, ScriptedScorer, settings
from tests.runners.routers import LOCAL_SAYS, REMOTE_SAYS
from tests.serving import FakeLoader, Running, running_server


def store_models(root: Path) -> Path:
    """Put a small model that calls tools, and a big one that sees and thinks, below ``root``, and return it."""
    store = Store(root / "models")
    stored(store, LOCAL, {"tokenizer.chat_template": TOOL_TEMPLATE})
    stored(store, REMOTE, {"tokenizer.chat_template": THINKING_TEMPLATE, "llama.vision.block_count": 1})
    stored(store, "other")
    return root


@dataclass(frozen=True, slots=True)
class Served:
    """The server, and the engines of the router's two sides."""

    running: Running
    local: FakeEngine
    remote: FakeEngine
    router: Router

    @property
    def client(self) -> aiohttp.ClientSession:
        """A client of the server."""
        return self.running.client

    async def post(self, path: str, body: Any, **headers: str) -> "Got":
        """Send a request; its answer as it came."""
        async with self.client.post(path, json=body, headers=headers) as response:
            return Got(response.status, response.headers, await response.read(), await response.text())

    async def ask(self, text: str = "easy", model: str = "smart", **body: Any) -> "Got":
        """Have a question answered in one piece, in Ollama's chat."""
        headers = body.pop("headers", {})
        turns = [{"role": "user", "content": text}]
        return await self.post("/api/chat", {"model": model, "messages": turns, "stream": False, **body}, **headers)


@dataclass(frozen=True, slots=True)
class Got:
    """An answer as it came."""

    status: int
    headers: Any
    body: bytes
    text: str

    @property
    def json(self) -> Any:
        """The one object in it."""
        return json.loads(self.body)

    @property
    def side(self) -> str | None:
        """Who has answered, by the header."""
        found: str | None = self.headers.get("x-arriero-route")
        return found


@asynccontextmanager
async def running_router(root: Path, scorer: Scorer | None = None, **changes: Any) -> AsyncIterator[Served]:
    """Serve the models below ``root`` (see ``store_models``), and ``smart``."""
    engines = {f"{LOCAL}:latest": FakeEngine(LOCAL_SAYS), f"{REMOTE}:latest": FakeEngine(REMOTE_SAYS)}
    router = Router(settings(**changes), scorer or ScriptedScorer())

    def routed(library: Library, carrier: Carrier) -> Routing:
        return Routing([router], library.find, carrier, Recorder())

    async with running_server(root, FakeLoader(engines), routed=routed) as running:
        yield Served(running, engines[f"{LOCAL}:latest"], engines[f"{REMOTE}:latest"], router)


@dataclass(slots=True)
class Tap:
    """A server elsewhere, of the kind of vLLM, with the model ``far``, and every byte that is sent to it."""

    _sent: bytearray = field(default_factory=bytearray)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @property
    def sent(self) -> bytes:
        """All of it, but for the question whether it is still there, which is asked every now and then."""
        return _LOOK.sub(b"", bytes(self._sent))

    def forget(self) -> None:
        """From here on, only what comes is counted."""
        self._sent.clear()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        """Its address."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", _answer)
        async with TestServer(app) as behind:
            server = await asyncio.start_server(lambda r, w: self._pass(behind.port, r, w), "127.0.0.1", 0)
            try:
                yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            finally:
                server.close()
                for writer in self._writers:
                    writer.close()

    async def _pass(self, port: int | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        self._writers += [writer, forth]
        returning = asyncio.create_task(_copy(back, writer))
        while data := await reader.read(1 << 16):
            self._sent += data
            forth.write(data)
        forth.close()
        await returning


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
    finally:
        writer.close()


async def _answer(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    match request.method, request.path:
        case "GET", "/v1/models":
            entry = {"id": "far", "object": "model", "created": 0, "owned_by": "vllm", "max_model_len": 4096}
            return web.json_response({"object": "list", "data": [entry]})
        case "GET", "/version":
            return web.json_response({"version": "0.32.0"})
        case "POST", "/v1/chat/completions" if b'"stream":true' in body.replace(b" ", b""):
            return web.Response(body=_SAID, content_type="text/event-stream")
        case _:
            return web.json_response({"error": {"message": "no such thing", "code": 404}}, status=404)


_LOOK = re.compile(rb"GET /(?:v1/models|version) HTTP/1\.1\r\n(?:[^\r\n]+\r\n)*\r\n")
_SAID = (
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"from afar"},"finish_reason":null}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
)


def turns(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


# Each dialect: its path, and its body for a text.
DIALECTS: dict[str, tuple[str, Any]] = {
    "chat": ("/api/chat", lambda text: {"messages": turns(text)}),
    "generate": ("/api/generate", lambda text: {"prompt": text}),
    "openai chat": ("/v1/chat/completions", lambda text: {"messages": turns(text)}),
    "openai completion": ("/v1/completions", lambda text: {"prompt": text}),
    "openai responses": ("/v1/responses", lambda text: {"input": text}),
    "anthropic": ("/v1/messages", lambda text: {"messages": turns(text), "max_tokens": 100}),
}


async def asked(served: Served, dialect: str, text: str, *, is_stream: bool, model: str = "smart", **more: Any) -> Got:
    path, body = DIALECTS[dialect]
    headers = more.pop("headers", {})
    return await served.post(path, {"model": model, "stream": is_stream, **body(text), **more}, **headers)


def objects(got: Got) -> list[Any]:
    """The objects of an answer or of a stream in any dialect."""
    if "event-stream" not in got.headers["content-type"]:
        return [json.loads(line) for line in got.body.splitlines()]
    lines = [line.removeprefix("data: ") for line in got.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def routes(found: Any) -> list[dict[str, Any]]:
    """Every value of a key ``route`` in it, at any depth."""
    if isinstance(found, list):
        return [route for each in found for route in routes(each)]
    if not isinstance(found, dict):
        return []
    return [*([found["route"]] if "route" in found else []), *(r for value in found.values() for r in routes(value))]


def models(found: Any) -> set[str]:
    """Every value of a key ``model`` in it, but for those of routes."""
    if isinstance(found, list):
        return {model for each in found for model in models(each)}
    if not isinstance(found, dict):
        return set()
    inner = {model for name, value in found.items() if name != "route" for model in models(value)}
    return inner | ({found["model"]} if isinstance(found.get("model"), str) else set())
