"""What a claim about the server is, and how it is looked at: one that the layer which arriero follows cannot make."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arriero.engines.fake import FakeEngine, Script
from arriero.runners.carrier import Carrier
from arriero.runners.routing import Routing
from arriero.store.layout import Store
from arriero.store.library import Library
from arriero.types.chat import ChatPrompt, TextRequest
from tests.contract.models import add_layer, store_golden_models
from tests.factories_store import stored
from tests.serving import FakeLoader, Running, running_server

CHAT, GENERATE = "/api/chat", "/api/generate"
BOTH = (CHAT, GENERATE)
TUNED = {"temperature": 0.25, "top_k": 7, "stop": ["END"]}
MODELS = ("gen", "sys", "fim", "tool", "think", "emb", "see", "tuned")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """Without its parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0]

    @property
    def json(self) -> Any:
        """The one object in it."""
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        """The objects of a stream, every one of them on a line that has an end."""
        *lines, rest = self.body.split(b"\n")
        assert rest == b""
        return [json.loads(line) for line in lines]


@dataclass(frozen=True, slots=True)
class Bench:
    """A server with a fake engine for each model. root: the directory that its store lies in."""

    server: Running
    root: Path

    @property
    def store(self) -> Store:
        """The store that is served."""
        return Store(self.root / "models")

    def engine(self, model: str = "gen") -> FakeEngine:
        """A model's engine."""
        return self.server.loader.engines[f"{model}:latest"]

    def says(self, *pieces: Any, model: str = "gen", **script: Any) -> None:
        """Have a model's engine answer with batches of texts and events."""
        self.engine(model).script = Script(pieces, **script)

    def heard(self, model: str = "gen") -> TextRequest:
        """What a model's engine was asked for last."""
        return self.engine(model).requests[-1]

    def turns(self, model: str = "gen") -> ChatPrompt:
        """The conversation that a model's engine was given last."""
        prompt = self.heard(model).prompt
        assert isinstance(prompt, ChatPrompt)
        return prompt

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send a request. A body that is neither bytes nor None is sent as JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        async with self.server.client.request(method, path, data=data, headers=headers) as response:
            return Reply(response.status, response.headers, await response.read())

    async def post(self, path: str, body: Any) -> Reply:
        """Send a request with a body."""
        return await self.send("POST", path, body)

    async def ask(self, path: str, text: str = "hi", **body: Any) -> Reply:
        """Have a text answered by ``gen``, or by the model that is named, by one of the two endpoints that do."""
        said = {"messages": [{"role": "user", "content": text}]} if path == CHAT else {"prompt": text}
        return await self.post(path, {"model": "gen", "stream": False, **said, **body})

    async def stream(self, path: str, **body: Any) -> list[Any]:
        """The lines that a text is answered with."""
        reply = await self.ask(path, stream=True, **body)
        assert (reply.status, reply.content_type) == (200, "application/x-ndjson")
        return reply.lines


@dataclass(frozen=True, slots=True)
class Claim:
    """What is true of arriero where ``number`` of the audit was not of the other. holds: raises where it is not.

    routed: makes the routers that the server has, if it has any.
    """

    number: int
    text: str
    holds: Callable[[Bench], Awaitable[None]]
    routed: Callable[[Library, Carrier], Routing] | None = None

    @property
    def name(self) -> str:
        """The id of its test."""
        return f"{self.number}-{self.text.replace(' ', '-')}"


async def hold(claim: Claim, root: Path) -> None:
    """Look at a claim on a server of its own."""
    store = Store(store_golden_models(root) / "models")
    stored(store, "see", {"llama.vision.block_count": 1})
    add_layer(store, stored(store, "tuned"), "params", json.dumps(TUNED))
    loader = FakeLoader({f"{model}:latest": FakeEngine(input_limit=128) for model in MODELS})
    async with running_server(root, loader, routed=claim.routed) as server:
        await claim.holds(Bench(server, root))


def said(answer: Any) -> str:
    """The text of an answer, or of a line of one."""
    text = answer["message"]["content"] if "message" in answer else answer["response"]
    assert isinstance(text, str)
    return text


def thought(answer: Any) -> str | None:
    """The thinking of an answer, or of a line of one; None where it has none."""
    found = answer.get("message", answer).get("thinking")
    assert found is None or isinstance(found, str)
    return found
