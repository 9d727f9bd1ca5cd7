from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.serving import Running, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Running]:
    async with running_server(tmp_path) as running:
        yield running


@pytest.mark.parametrize(("method", "status"), [("GET", 301), ("POST", 307), ("DELETE", 307), ("HEAD", 307)])
async def test_a_slash_at_the_end_is_redirected(server: Running, method: str, status: int) -> None:
    async with server.client.request(method, "/api/tags/?a=b", allow_redirects=False) as response:
        assert response.status == status
        assert response.headers["Location"] == f"{server.url}/api/tags?a=b"


async def test_a_request_finds_its_way_over_the_redirect(server: Running) -> None:
    async with server.client.post("/api/show/", json={"model": "nope"}) as response:
        assert (response.status, await response.json()) == (404, {"error": "model 'nope:latest' not found"})


@pytest.mark.parametrize("path", ["/", "/api/tags", "/api/version"])
async def test_head_is_answered_where_ollama_answers_it(server: Running, path: str) -> None:
    async with server.client.get(path) as whole, server.client.head(path) as head:
        assert (head.status, await head.read()) == (200, b"")
        assert head.headers["Content-Type"] == whole.headers["Content-Type"]
        assert head.headers["Content-Length"] == str(len(await whole.read()))


@pytest.mark.parametrize(("path", "allowed"), [("/api/ps", "GET"), ("/api/chat", "POST"), ("/v1/models", "GET")])
async def test_head_is_refused_elsewhere(server: Running, path: str, allowed: str) -> None:
    async with server.client.head(path) as response:
        assert (response.status, response.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("path", ["/api/tags", "/"])
async def test_a_wrong_method_is_told_the_right_ones(server: Running, path: str) -> None:
    async with server.client.put(path) as response:
        assert (response.status, await response.text()) == (405, "405 method not allowed")
        assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["/api", "/api/nope", "/v2/models", "/favicon.ico", "/api/tags/x"])
async def test_an_unknown_path_is_not_found(server: Running, path: str) -> None:
    async with server.client.get(path) as response:
        assert (response.status, await response.text()) == (404, "404 page not found")


async def test_a_form_is_read_as_json_all_the_same(server: Running) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with server.client.post("/api/show", data=b'{"model":"nope"}', headers=headers) as response:
        assert (response.status, await response.json()) == (404, {"error": "model 'nope:latest' not found"})


@pytest.mark.parametrize("body", [b'{"model":"nope"}', b"\xff", b"[" * 100_000, b'{"model":"\\ud800"}', b'{"a":1,}'])
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/show", "/v1/chat/completions"])
async def test_no_body_brings_the_server_down(server: Running, path: str, body: bytes) -> None:
    async with server.client.post(path, data=body) as response:
        assert response.status in {400, 404}
        assert "error" in await response.json()
