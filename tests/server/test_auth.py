from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arriero.server.app import Access
from tests.serving import Running, running_server

KEY = "s3cret"
MESSAGE = "unauthorized: send the server's API key as 'Authorization: Bearer KEY'"
OPENAI_ERROR = {"message": MESSAGE, "type": "authentication_error", "param": None, "code": None}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_server(tmp_path, access=Access(api_key=KEY)) as running:
        yield running


@pytest.mark.parametrize("path", ["/api/tags", "/api/version", "/api/chat", "/nope", "/v1models"])
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": KEY}, {"x-api-key": ""}, {"x-api-key": f"{KEY}x"}],
)
async def test_without_the_key_ollamas_api_is_closed(server: Running, path: str, headers: dict[str, str]) -> None:
    async with server.client.get(path, headers=headers) as response:
        assert (response.status, await response.json()) == (401, {"error": MESSAGE})


async def test_without_the_key_openais_api_is_closed(server: Running) -> None:
    async with server.client.post("/v1/chat/completions", json={}) as response:
        assert (response.status, await response.json()) == (401, {"error": OPENAI_ERROR})


async def test_a_client_is_told_not_to_try_a_wrong_key_again(server: Running) -> None:
    async with server.client.post("/v1/messages", json={}, headers={"x-api-key": "wrong"}) as response:
        assert response.headers["x-should-retry"] == "false"


@pytest.mark.parametrize(
    "headers", [{"Authorization": f"Bearer {KEY}"}, {"authorization": f"bearer {KEY}"}, {"x-api-key": KEY}]
)
@pytest.mark.parametrize("path", ["/api/tags", "/v1/models"])
async def test_the_key_opens(server: Running, path: str, headers: dict[str, str]) -> None:
    async with server.client.get(path, headers=headers) as response:
        assert response.status == 200


async def test_the_heartbeat_is_open(server: Running) -> None:
    async with server.client.get("/") as response:
        assert (response.status, await response.text()) == (200, "Ollama is running")
    async with server.client.head("/") as response:
        assert response.status == 200


async def test_a_head_request_without_the_key_has_no_body(server: Running) -> None:
    async with server.client.head("/api/tags") as response:
        assert (response.status, await response.read()) == (401, b"")


async def test_without_a_key_of_its_own_the_server_is_open(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server, server.client.get("/api/tags") as response:
        assert response.status == 200
