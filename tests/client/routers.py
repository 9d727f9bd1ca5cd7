"""A router between two servers that play their parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

# Settings of several types.
from typing import Any

from arriero import AsyncSmartRouter
from tests.client.servers import LOCAL_MODEL, REMOTE_MODEL, StandIn, listening, remote

HARD = "Explain quantum computing in detail"
NOBODY = "http://127.0.0.1:9"
TO_LOCAL = f"[Router] -> Local Ollama | Model: {LOCAL_MODEL}"
TO_REMOTE = f"[Router] -> Remote SGLang | Model: {REMOTE_MODEL}"


@dataclass(slots=True)
class Routed:
    """A router between two servers; lines: what it has told."""

    router: AsyncSmartRouter
    here: StandIn
    there: StandIn
    lines: list[str] = field(default_factory=list)

    def told(self) -> list[str]:
        """What was told since this was asked last."""
        lines = [*self.lines]
        self.lines.clear()
        return lines


@asynccontextmanager
async def routed(here: StandIn | None = None, there: StandIn | None = None, **settings: Any) -> AsyncIterator[Routed]:
    here, there = here or StandIn(), there or remote()
    lines: list[str] = []
    async with listening(here, there):
        hosts = {"local_host": here.url, "remote_host": there.url, **settings}
        async with AsyncSmartRouter(**hosts, out=lines.append) as router:
            yield Routed(router, here, there, lines)
