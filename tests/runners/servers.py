"""Servers elsewhere that are scripts, and the carrier in front of them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from arriero.engines.base import Relayed, ServedModel
from arriero.engines.fake import FakeEngine
from arriero.errors import ArrieroError, EngineUnreachable
from arriero.runners.upstreams import Upstreams
from arriero.types.chat import ChatPrompt, Message, TextRequest
from arriero.types.events import EventStream, TextDelta
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from arriero.types.upstreams import UpstreamKind, UpstreamSettings

DOWN = EngineUnreachable("connection refused")


@dataclass(slots=True)
class LoadingEngine(FakeEngine):
    """An engine that is told how to load its model (see ``TakesDemand``). demands: what it was told, in order."""

    demands: list[Demand] = field(default_factory=list)

    def generate_on_demand(self, request: TextRequest, demand: Demand) -> EventStream:
        """Stream one answer."""
        self.demands.append(demand)
        return self.generate(request)


@dataclass(slots=True)
class FakeServer:
    """A server with the models that it is told to have, all answered for by one engine.

    error: what looking at it raises. looked: set, and replaced, at each look. relayed: paths and bodies of requests
    that were handed on; pieces: what those are answered with.
    """

    models: Sequence[ServedModel] = (ServedModel("m", context=4096),)
    kind: UpstreamKind | None = "vllm"
    error: ArrieroError | None = None
    fake: FakeEngine = field(default_factory=FakeEngine)
    looked: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    relayed: list[tuple[str, bytes]] = field(default_factory=list)
    pieces: Sequence[bytes | ArrieroError] = (b'{"done":true}\n',)
    content_type: str = "application/x-ndjson"
    asked: list[str] = field(default_factory=list)

    async def look(self) -> Sequence[ServedModel]:
        looked, self.looked = self.looked, asyncio.Event()
        looked.set()
        if self.error:
            raise self.error
        return self.models

    def engine(self, model: str) -> FakeEngine:
        self.asked.append(model)
        return self.fake

    async def relay(self, path: str, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Relayed:
        if self.error:
            raise self.error
        self.relayed.append((path, body))
        return await Relayed.begun(self.content_type, [*headers], self._pieces())

    async def _pieces(self) -> AsyncGenerator[bytes, None]:
        for piece in self.pieces:
            if isinstance(piece, ArrieroError):
                raise piece
            yield piece

    async def aclose(self) -> None:
        self.closed.set()


def settings(name: str, models: Mapping[str, str] | None = None) -> UpstreamSettings:
    return UpstreamSettings(name, f"http://{name}:8000", models=models or {})


@dataclass(slots=True)
class Fleet:
    """The carrier, its servers by name, and the models, and the words on what is missing, that it has offered last."""

    upstreams: Upstreams
    servers: Mapping[str, FakeServer]
    offered: list[ModelRecord]
    words: list[str]

    def model(self, name: str = "m") -> ModelRecord:
        return next(record for record in self.offered if record.name == name)


@asynccontextmanager
async def fleet(*, patience_s: float = 1.0, **servers: FakeServer) -> AsyncIterator[Fleet]:
    """Servers that have been looked at once."""
    offered: list[ModelRecord] = []
    words: list[str] = []

    def offer(records: Sequence[ModelRecord], missing: str) -> None:
        offered[:] = records
        words[:] = [missing]

    upstreams = Upstreams(lambda each: servers[each.name], offer)
    await upstreams.set_servers([settings(name) for name in servers], patience_s)
    try:
        yield Fleet(upstreams, servers, offered, words)
    finally:
        await upstreams.aclose()


def chat(*texts: str) -> TextRequest:
    """A conversation: turns of the user's and the model's."""
    roles = ("user", "assistant")
    return TextRequest(ChatPrompt(tuple(Message(roles[n % 2], text) for n, text in enumerate(texts))))


async def said(upstreams: Upstreams, model: ModelRecord, request: TextRequest) -> str:
    """A whole answer."""
    async with upstreams.answer(model, request) as answer:
        events = [*answer.first, *[event async for batch in answer.rest for event in batch]]
    return "".join(event.text for event in events if isinstance(event, TextDelta))
