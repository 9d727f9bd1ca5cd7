"""Ollama's own client in miniature: its bytes, its headers, and what its decoder would not take."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass

# Answers are JSON.
from typing import Any

from tests.contract.matching import differences
from tests.serving import Running

USER_AGENT = "ollama/0.33.0 (amd64 linux) Go/go1.26.0"
PLAIN, STREAMED = "application/json", "application/x-ndjson"

_INTEGERS = {
    "size",
    "size_vram",
    "total",
    "completed",
    "context_length",
    "embedding_length",
    "total_duration",
    "load_duration",
    "prompt_eval_count",
    "prompt_eval_duration",
    "eval_count",
    "eval_duration",
}
_TIMES = {"modified_at", "expires_at", "created_at"}
# The commands print so many characters of it, and panic where there are fewer.
_DIGEST_CHARACTERS = {"/api/tags": 12, "/api/ps": 12}
_DIGEST_CHARACTERS_OF_A_STEP = 19


@dataclass(frozen=True, slots=True)
class Answered:
    status: int
    headers: Mapping[str, str]
    body: bytes

    # Whatever JSON it is.
    def json(self) -> Any:
        return json.loads(self.body)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


@dataclass(frozen=True, slots=True)
class GoClient:
    """Sends bytes under the headers of Ollama's client, and takes no answer that it would not take."""

    server: Running

    async def send(
        self, method: str, path: str, body: bytes | AsyncIterator[bytes] | None = None, accept: str = PLAIN
    ) -> Answered:
        headers = {
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json",
            "Accept": accept,
            "Accept-Encoding": "gzip",
        }
        async with self.server.client.request(method, path, data=body, headers=headers) as response:
            answer = Answered(response.status, dict(response.headers), await response.read())
        assert list(complaints(path, answer)) == []
        return answer

    async def heartbeat(self) -> None:
        answer = await self.send("HEAD", "/")
        assert (answer.status, answer.body) == (200, b"")

    async def show(self, name: str) -> Answered:
        body = '{"model":"%s","system":"","template":"","verbose":false,"options":null,"name":""}'
        return await self.send("POST", "/api/show", (body % name).encode())

    async def generate(self, body: bytes) -> Answered:
        return await self.send("POST", "/api/generate", body, STREAMED)

    async def load(self, name: str, keep_alive: bytes = b"") -> Answered:
        body = b'{"model":"%s","prompt":"","suffix":"","system":"","template":"",%s"options":null}'
        return await self.generate(body % (name.encode(), keep_alive))

    async def unload(self, name: str) -> Answered:
        return await self.load(name, b'"keep_alive":"0s",')

    async def chat(self, body: bytes) -> Answered:
        return await self.send("POST", "/api/chat", body, STREAMED)

    async def stream(self, path: str, body: bytes) -> Answered:
        return await self.send("POST", path, body, STREAMED)


def complaints(path: str, answer: Answered) -> Iterator[str]:
    """What of an answer Go's decoder, or the command that asked, would fail at."""
    if not answer.body or not answer.body.startswith((b"{", b"[")):
        return
    for line in answer.body.splitlines():
        yield from _in_value(json.loads(line), _DIGEST_CHARACTERS.get(path, _DIGEST_CHARACTERS_OF_A_STEP))


def _in_value(value: Any, digest_characters: int) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _in_value(item, digest_characters)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        if key in _INTEGERS and type(item) is not int:
            yield f"{key} is no integer: {item!r}"
        if key in _TIMES and differences("<ts>", item):
            yield f"{key} is no time of RFC 3339: {item!r}"
        if key == "digest" and len(item) < digest_characters:
            yield f"digest is too short to be cut: {item!r}"
        # What the file says of itself is shown as it is, whatever its keys are called.
        if key not in {"model_info", "projector_info", "arguments"}:
            yield from _in_value(item, digest_characters)
