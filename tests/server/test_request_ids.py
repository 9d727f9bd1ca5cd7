"""The header by which an answer tells its request, in the dialects that have one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.types import Message

from arriero.server.exchange import Exchange
from arriero.store.layout import Store
from tests.contract.cases_general import USER
from tests.factories_store import stored
from tests.serving import Running, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    stored(Store(tmp_path / "models"), "gen")
    async with running_server(tmp_path) as server:
        yield server


@pytest.mark.parametrize(
    ("path", "header"),
    [("/v1/chat/completions", "x-request-id"), ("/v1/messages", "request-id")],
)
@pytest.mark.parametrize(("model", "status"), [("gen", 200), ("nope", 404)])
@pytest.mark.parametrize("is_stream", [False, True])
async def test_every_answer_has_one_of_its_own(
    server: Running, path: str, header: str, model: str, status: int, *, is_stream: bool
) -> None:
    idents = set()
    for _ in range(2):
        body = {"model": model, "messages": USER, "max_tokens": 5, "stream": is_stream}
        async with server.client.post(path, json=body) as response:
            assert response.status == status
            idents.add(response.headers[header])
    assert len(idents) == 2
    assert {ident[:4] for ident in idents} == {"req_"}


async def test_ollamas_api_has_none(server: Running) -> None:
    async with server.client.post("/api/chat", json={"model": "gen", "messages": USER}) as response:
        assert not {name for name in response.headers if "request-id" in name.lower()}


async def test_what_is_handed_on_keeps_that_of_its_server() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    exchange = Exchange({"method": "POST", "headers": []}, receive, send, b"request-id")
    await exchange.reply(b"{}", b"application/json", extra=[(b"request-id", b"req_theirs")])
    assert [value for name, value in sent[0]["headers"] if name == b"request-id"] == [b"req_theirs"]
