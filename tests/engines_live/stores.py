"""A registry on loopback for checks that are not asynchronous, and a model that is small enough to be sent."""

import asyncio
import hashlib
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.engines_live.subject import Subject
from tests.factories_store import tiny_gguf
from tests.store.registry import FakeRegistry, running_registry

_START_TIMEOUT_S = 10.0


@contextmanager
def registry() -> Iterator[FakeRegistry]:
    """An empty registry, served by a thread of its own."""
    is_up, loop = threading.Event(), asyncio.new_event_loop()
    leave = asyncio.Event()
    found: list[FakeRegistry] = []

    async def serve() -> None:
        async with running_registry() as running:
            found.append(running)
            is_up.set()
            await leave.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert is_up.wait(_START_TIMEOUT_S)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(leave.set)
        thread.join(_START_TIMEOUT_S)
        loop.close()


@contextmanager
def made(subject: Subject, name: str = "tiny-made") -> Iterator[str]:
    """A tiny model, made from a file that is sent; deleted in the end. Its name."""
    with tempfile.TemporaryDirectory() as folder:
        content = tiny_gguf(Path(folder) / "tiny.gguf").read_bytes()
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    sent = subject.post(f"/api/blobs/{digest}", content)
    assert sent.status in {200, 201}, f"POST /api/blobs is {sent.status}"
    reply = subject.post("/api/create", {"model": name, "files": {"tiny.gguf": digest}, "stream": False})
    assert reply.status == 200, f"/api/create is {reply.status}: {reply.body[:120]!r}"
    try:
        yield name
    finally:
        subject.send("DELETE", "/api/delete", {"model": name})


def names(subject: Subject) -> set[str]:
    """The models that are listed."""
    return {model["name"] for model in subject.send("GET", "/api/tags").json["models"]}
