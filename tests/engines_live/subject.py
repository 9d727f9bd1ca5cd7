"""A server with the Ollama API, asked by plain HTTP, with what stands behind it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

# Bodies and answers are JSON.
from typing import Any

import httpx

from tests.contract.claim import CHAT, GENERATE, Reply
from tests.live.launching import PARIS

_TIMEOUT_S = 300.0
USER = {"role": "user", "content": PARIS}
GREEDY = {"temperature": 0, "num_predict": 24}


@dataclass(frozen=True, slots=True)
class Subject:
    """url: of the API that is looked at. model: its name there. engine: URL of what generates, None where hidden."""

    url: str
    model: str
    engine: str | None = None

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """Send a request, with a body that is neither bytes nor None as JSON; the answer, whatever its status."""
        sent = {"json": body} if not isinstance(body, bytes | None) else {"content": body}
        heads = {"Content-Type": "application/json", **headers}
        try:
            reply = httpx.request(method, self.url + path, headers=heads, timeout=_TIMEOUT_S, **sent)
        except httpx.RemoteProtocolError as error:
            raise AssertionError(f"{method} {path}: the connection broke: {error}") from None
        return Reply(reply.status_code, reply.headers, reply.content)

    def post(self, path: str, body: Any) -> Reply:
        """Send a request with a body."""
        return self.send("POST", path, body)

    def ask(self, path: str, text: str = PARIS, **body: Any) -> Reply:
        """Have a text answered, in one piece unless said otherwise."""
        return self.post(path, {"model": self.model, "stream": False, **_asked(path, text), **body})

    def answer(self, path: str, text: str = PARIS, **body: Any) -> Any:
        """The answer to a text, which must be one."""
        reply = self.ask(path, text, **body)
        assert reply.status == 200, f"{path} {_short(body)} is {reply.status}: {_text(reply)}"
        return reply.json

    def stream(self, path: str, text: str = PARIS, **body: Any) -> list[Any]:
        """The lines that a text is answered with."""
        reply = self.ask(path, text, stream=True, **body)
        assert reply.status == 200, f"{path} {_short(body)} as a stream is {reply.status}: {_text(reply)}"
        return reply.lines

    def refusal(self, path: str, status: int, text: str = PARIS, **body: Any) -> str:
        """Why a text is refused, in one piece and as a stream: with this status, and nothing but a reason."""
        for is_streaming in (True, False):
            reply = self.ask(path, text, stream=is_streaming, **body)
            reason = f"{path} {_short(body)} stream={is_streaming} is {reply.status}: {_text(reply)}"
            assert reply.status == status, reason
            assert reply.content_type == "application/json", f"{reason} as {reply.content_type}"
            assert list(reply.json) == ["error"], reason
        return str(reply.json["error"])

    @contextmanager
    def lines(self, path: str, text: str = PARIS, **body: Any) -> Iterator[Iterator[str]]:
        """The lines of a stream as they come; who leaves before its end hangs up."""
        asked = {"model": self.model, "stream": True, **_asked(path, text), **body}
        with httpx.stream("POST", self.url + path, json=asked, timeout=_TIMEOUT_S) as reply:
            assert reply.status_code == 200
            yield reply.iter_lines()


def _asked(path: str, text: str) -> dict[str, Any]:
    if path == GENERATE:
        return {"prompt": text}
    return {"messages": [{"role": "user", "content": text}]} if path == CHAT else {}


def _short(body: Any) -> str:
    shown = str(body)
    return shown if len(shown) < 160 else f"{shown[:150]} …"


def _text(reply: Reply) -> str:
    return _short(reply.body.decode(errors="replace").strip())
