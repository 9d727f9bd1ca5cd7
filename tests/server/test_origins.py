from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from arriero.errors import ConfigError
from arriero.server.app import Access
from arriero.server.origins import parse_origins
from tests.serving import Running, running_server

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-anything"}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    access = Access(api_key="s3cret", origins=parse_origins(["https://chat.example", "chrome-extension://*"]))
    async with running_server(tmp_path, access=access) as running:
        yield running


@pytest.mark.parametrize(
    "origin",
    [
        *("http://localhost", "https://localhost:8080", "http://127.0.0.1:3000", "http://0.0.0.0", "app://obsidian.md"),
        *("tauri://localhost", "vscode-webview://abc", "https://chat.example", "chrome-extension://abcdef"),
    ],
)
def test_origins_that_may_use_the_server(origin: str) -> None:
    assert parse_origins(["https://chat.example", "chrome-extension://*"]).allow(origin)


@pytest.mark.parametrize(
    "origin",
    [
        *("https://evil.example", "null", "http://localhost.evil.example", "https://chat.example:1", "ftp://localhost"),
        *("http://chat.example", "moz-extension://abc", "http://localhos"),
    ],
)
def test_origins_that_may_not(origin: str) -> None:
    assert not parse_origins(["https://chat.example", "chrome-extension://*"]).allow(origin)


@pytest.mark.parametrize("entry", ["chat.example", "https://*.chat.*", "ftp://chat.example"])
def test_an_entry_that_could_never_match_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match="OLLAMA_ORIGINS"):
        parse_origins([entry])


@pytest.mark.parametrize("path", ["/api/chat", "/nope"])
async def test_a_preflight_is_answered_on_every_path_and_without_the_key(server: Running, path: str) -> None:
    headers = {"Origin": "https://chat.example", **PREFLIGHT}
    async with server.client.options(path, headers=headers) as response:
        assert (response.status, await response.read()) == (204, b"")
        assert response.headers["Access-Control-Allow-Origin"] == "https://chat.example"
        assert "Authorization" in response.headers["Access-Control-Allow-Headers"]
        assert response.headers.getall("Vary") == [
            "Origin",
            "Access-Control-Request-Method",
            "Access-Control-Request-Headers",
        ]
        assert "Access-Control-Allow-Credentials" not in response.headers


async def test_an_error_too_names_the_origin(server: Running) -> None:
    async with server.client.get("/api/tags", headers={"Origin": "https://chat.example"}) as response:
        assert response.status == 401
        assert response.headers["Access-Control-Allow-Origin"] == "https://chat.example"


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_a_foreign_page_is_refused_before_anything_else(server: Running, method: str) -> None:
    async with server.client.request(method, "/nope", headers={"Origin": "https://evil.example"}) as response:
        assert (response.status, await response.read()) == (403, b"")
        assert "Access-Control-Allow-Origin" not in response.headers


async def test_a_page_of_this_very_server_needs_no_leave(server: Running) -> None:
    async with server.client.get("/", headers={"Origin": server.url}) as response:
        assert response.status == 200
        assert "Access-Control-Allow-Origin" not in response.headers
