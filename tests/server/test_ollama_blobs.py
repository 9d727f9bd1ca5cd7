"""Blobs that are sent in many pieces, or not to their end."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest
from starlette.types import ASGIApp, Message

from arriero.runners.residency import Limits
from arriero.runners.scheduler import Scheduler
from arriero.server.app import Access, build_app
from arriero.store.layout import Layout, Store
from arriero.store.library import Library
from tests.serving import FakeLoader, services_of

PIECES = tuple(bytes([number]) * (3 << 20) for number in range(4))
DIGEST = hashlib.sha256(b"".join(PIECES)).hexdigest()
END: Message = {"type": "http.request", "body": b""}
GONE: Message = {"type": "http.disconnect"}


@pytest.fixture
def app(tmp_path: Path) -> ASGIApp:
    library = Library(Layout(tmp_path, Store(tmp_path / "models")))
    return build_app(services_of(library, Scheduler(FakeLoader(), Limits())), Access())


async def send(app: ASGIApp, blobs: Path, pieces: Sequence[Message]) -> tuple[list[Message], list[int]]:
    """Send a body; what is answered, and how many bytes lie among the blobs whenever a further piece is asked for."""
    sent: list[Message] = []
    stored_bytes: list[int] = []
    coming = iter(pieces)

    async def receive() -> Message:
        stored_bytes.append(size_of(blobs))
        return next(coming)

    async def answer(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/api/blobs/sha256:{DIGEST}",
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, answer)
    return sent, stored_bytes


def size_of(blobs: Path) -> int:
    return sum(path.stat().st_size for path in blobs.glob("*"))


def messages(*pieces: bytes) -> list[Message]:
    return [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]


async def test_a_blob_reaches_the_disk_while_it_comes(app: ASGIApp, tmp_path: Path) -> None:
    blobs = tmp_path / "models" / "blobs"
    sent, stored_bytes = await send(app, blobs, [*messages(*PIECES), END])
    assert sent[0]["status"] == 201
    assert stored_bytes[2] >= 5 << 20
    assert [path.name for path in blobs.iterdir()] == [f"sha256-{DIGEST}"]


async def test_of_a_client_that_breaks_off_nothing_is_left(app: ASGIApp, tmp_path: Path) -> None:
    blobs = tmp_path / "models" / "blobs"
    sent, stored_bytes = await send(app, blobs, [*messages(*PIECES[:2]), GONE])
    assert sent == []
    assert stored_bytes[-1] > 0
    assert list(blobs.iterdir()) == []


async def test_what_is_here_already_is_not_read(app: ASGIApp, tmp_path: Path) -> None:
    blobs = tmp_path / "models" / "blobs"
    await send(app, blobs, [*messages(*PIECES), END])
    sent, stored_bytes = await send(app, blobs, [])
    assert (sent[0]["status"], stored_bytes) == (200, [])
