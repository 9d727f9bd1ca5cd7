"""Requests that come packed, in every dialect."""

import gzip
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

# Bodies are JSON.
from typing import Any

import pytest

from arriero.protocol.content_encoding import MAX_UNPACKED_BYTES
from tests.contract.cases_general import USER
from tests.contract.models import store_golden_models
from tests.serving import Running, running_server

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": USER},
    "/v1/completions": {"prompt": "hi"},
    "/v1/responses": {"input": "hi"},
    "/v1/messages": {"messages": USER, "max_tokens": 9},
    "/api/chat": {"messages": USER},
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return store_golden_models(tmp_path_factory.mktemp("packed"))


@pytest.fixture
async def server(root: Path) -> AsyncIterator[Running]:
    async with running_server(root) as server:
        yield server


async def posted(server: Running, path: str, body: bytes, encoding: str) -> tuple[int, bytes]:
    async with server.client.post(path, data=body, headers={"Content-Encoding": encoding}) as response:
        return response.status, await response.read()


@pytest.mark.parametrize("path", BODIES)
async def test_a_packed_request_is_answered(server: Running, path: str) -> None:
    body = json.dumps({"model": "gen", "stream": False, **BODIES[path]}).encode()
    for encoding, packed in (("zstd", zstd.compress(body)), ("gzip", gzip.compress(body))):
        status, answer = await posted(server, path, packed, encoding)
        assert status == 200, answer
        assert b"Hello there." in answer


async def test_what_cannot_be_unpacked_is_refused_in_the_callers_dialect(server: Running) -> None:
    status, answer = await posted(server, "/v1/responses", b"{}{}{}{}", "zstd")
    assert (status, json.loads(answer)["error"]["type"]) == (400, "invalid_request_error")
    status, answer = await posted(server, "/v1/messages", b"{}", "br")
    assert (status, json.loads(answer)["error"]["message"][:16]) == (400, "content-encoding")
    status, answer = await posted(server, "/api/chat", b"{}", "gzip")
    assert (status, "error" in json.loads(answer)) == (400, True)


async def test_what_is_too_much_when_unpacked_is_refused(server: Running) -> None:
    status, answer = await posted(server, "/v1/responses", zstd.compress(bytes(MAX_UNPACKED_BYTES + 1)), "zstd")
    assert (status, json.loads(answer)["error"]["type"]) == (413, "api_error")
