"""What a golden case is: requests in their order, and what each is answered."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import aiohttp

from tests.contract.matching import differences, event_differences, line_differences, named_event_differences
from tests.serving import Running

JSON_TYPE = "application/json; charset=utf-8"
NDJSON_TYPE = "application/x-ndjson"
EVENTS_TYPE = "text/event-stream"

Framing = Literal["text", "json", "lines", "events", "named events"]


class Reached(Protocol):
    """A server, as requests need it."""

    @property
    def client(self) -> aiohttp.ClientSession:
        """Connected to it."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An answer. body: a pattern of ``matching``; a list of them where the answer is framed as lines or events.

    content_type: with its parameters where it names any; "" for any type. headers: those that must be there.
    absent: the beginning of the names of headers that must not be there.
    """

    status: int
    content_type: str
    body: Any  # a pattern
    framing: Framing = "json"
    headers: Mapping[str, str] = field(default_factory=dict)
    absent: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """One request; a body that is neither bytes nor None is sent as JSON."""

    method: str
    path: str
    body: Any  # JSON
    expected: Expected
    headers: Mapping[str, str] = field(default_factory=dict)

    async def __call__(self, server: Reached) -> None:
        """Send it and compare the answer."""
        body = self.body if isinstance(self.body, bytes | None) else json.dumps(self.body).encode()
        async with server.client.request(self.method, self.path, data=body, headers=self.headers) as response:
            found = _head_differences(self.expected, response)
            found += _body_differences(self.expected, await response.read())
        assert found == [], "; ".join(found)


Step = Callable[[Running], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Case:
    """One golden case; several may have the same number."""

    number: int
    title: str
    steps: tuple[Step, ...]

    @property
    def name(self) -> str:
        """The id of its test."""
        return f"case_{self.number}-{self.title.replace(' ', '-')}"


def _head_differences(expected: Expected, response: aiohttp.ClientResponse) -> list[str]:
    found = [] if response.status == expected.status else [f"status {response.status} and not {expected.status}"]
    content_type = response.headers.get("Content-Type", "")
    if ";" not in expected.content_type:
        content_type = content_type.partition(";")[0]
    if expected.content_type and content_type != expected.content_type:
        found.append(f"content type {content_type!r} and not {expected.content_type!r}")
    for name, value in expected.headers.items():
        if response.headers.get(name) != value:
            found.append(f"header {name}: {response.headers.get(name)!r} and not {value!r}")
    if expected.absent is not None:
        found += [f"header {name}" for name in response.headers if name.lower().startswith(expected.absent.lower())]
    return found


def _body_differences(expected: Expected, body: bytes) -> list[str]:
    match expected.framing:
        case "text":
            return differences(expected.body, body.decode())
        case "json":
            return differences(expected.body, json.loads(body))
        case "lines":
            return line_differences(expected.body, body)
        case "events":
            return event_differences(expected.body, body)
        case "named events":
            return named_event_differences(expected.body, body)
