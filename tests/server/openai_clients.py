"""OpenAI's own client, on a server with fake engines."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import openai

from arriero.engines.fake import FakeEngine
from tests.serving import FakeLoader, running_server


@asynccontextmanager
async def openai_client(
    root: Path, engines: Mapping[str, FakeEngine], *, slots: int = 4
) -> AsyncIterator[openai.AsyncOpenAI]:
    """Serve the models below ``root`` with these engines, by their full names, and connect to them."""
    async with (
        running_server(root, FakeLoader(engines, slots=slots)) as server,
        openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="any", max_retries=0) as client,
    ):
        yield client
