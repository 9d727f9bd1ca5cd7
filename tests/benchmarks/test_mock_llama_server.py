import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from arriero.engines.answers.reader import AnswerReader
from arriero.types.events import Event, Finished, TextDelta
from benchmarks.mock_llama_server import MockConnection, make_answer


@asynccontextmanager
async def mock_server(interval_s: float = 0.0) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: MockConnection(interval_s), "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"http://{host}:{port}"


async def ask(url: str, body: dict[str, int]) -> list[Event]:
    reader = AnswerReader()
    async with aiohttp.ClientSession() as client, client.post(url, json=body) as response:
        return reader.feed(await response.read())


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
@pytest.mark.parametrize("interval_s", [0.0, 0.001])
async def test_an_answer_has_the_chunks_that_were_asked_for(path: str, interval_s: float) -> None:
    async with mock_server(interval_s) as url:
        *texts, end = await ask(url + path, {"max_tokens": 5})
    assert texts == [TextDelta(" mule")] * 5
    assert isinstance(end, Finished)
    assert (end.reason, end.usage.completion_tokens) == ("length", 5)


async def test_it_is_healthy_and_knows_no_other_path() -> None:
    async with mock_server() as url, aiohttp.ClientSession() as client:
        async with client.get(f"{url}/health") as response:
            assert (response.status, await response.read()) == (200, b'{"status":"ok"}')
        async with client.get(f"{url}/props") as response:
            assert response.status == 404


def test_a_chat_begins_with_the_role_in_the_same_write_as_the_first_text() -> None:
    first, second = make_answer(2, is_chat=True)
    assert first.startswith(b"HTTP/1.1 200 OK\r\nServer: llama.cpp\r\n")
    assert first.count(b"data: ") == 2
    assert b'"delta":{"role":"assistant","content":null}' in first
    assert second.endswith(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


def test_one_write_carries_one_chunk_of_text() -> None:
    assert [piece.count(b'"content":" mule"') for piece in make_answer(4, is_chat=True)] == [1, 1, 1, 1]
