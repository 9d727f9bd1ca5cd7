"""Calls the app without a socket between: for tests of many requests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

# Bodies are JSON.
from typing import Any

from starlette.types import ASGIApp, Message

from arriero.engines.fake import FakeEngine
from arriero.runners.scheduler import Scheduler
from arriero.server.app import Access, build_app
from arriero.store.layout import Layout, Store
from arriero.store.library import Library, Pinned
from tests.factories_store import record
from tests.serving import ROOMY, FakeLoader, services_of


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, in the pieces in which it was written."""

    status: int
    headers: dict[str, str]
    pieces: tuple[bytes, ...]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


@asynccontextmanager
async def app_of(engine: FakeEngine, load_error: Exception | None = None) -> AsyncIterator[ASGIApp]:
    """Serve the one model ``gen`` with an engine, or fail to load it."""
    nowhere = Layout(Path("/nowhere"), Store(Path("/nowhere")))
    library = Library.only(nowhere, [Pinned(record("gen"), ("gen",))])
    scheduler = Scheduler(FakeLoader({"gen": engine}, error=load_error), ROOMY)
    yield build_app(services_of(library, scheduler), Access())
    await scheduler.aclose()


class Call:
    """One request that stays connected until its answer is complete. sent: what the app has sent so far."""

    # Bodies are JSON.
    def __init__(self, path: str, body: Any) -> None:
        self.sent: list[Message] = []
        self.wrote = asyncio.Event()
        self._path = path
        self._waiting: list[Message] = [{"type": "http.request", "body": json.dumps(body).encode()}]

    async def run(self, app: ASGIApp) -> None:
        scope = {"type": "http", "method": "POST", "path": self._path, "query_string": b"", "headers": []}
        await app(scope, self._receive, self._send)

    def answer(self) -> Answer:
        assert not self.sent[-1].get("more_body", False), "the answer is not complete"
        headers = {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}
        return Answer(self.sent[0]["status"], headers, tuple(message["body"] for message in self.sent[1:]))

    async def _receive(self) -> Message:
        if self._waiting:
            return self._waiting.pop()
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        if message.get("body"):
            self.wrote.set()


async def post(app: ASGIApp, path: str, body: Any) -> Answer:
    """Send JSON and wait for the whole answer."""
    call = Call(path, body)
    await call.run(app)
    return call.answer()
