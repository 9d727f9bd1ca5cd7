"""The least that a server of this stack can do: hand a request on and its answer back, byte by byte, unread.

What it costs is the floor under arriero's own cost on the same machine in the same minute.
"""

import asyncio
import os
import sys
from urllib.parse import urlsplit

import aiohttp
import click
import msgspec
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send

from arriero.cli.listening import listen
from arriero.cli.serving import http_settings, spare_the_collector
from arriero.config import Config
from arriero.engines.llama_cpp.loopback import LoopbackConnector
from arriero.engines.llama_cpp.worker import die_with_parent


class RelayStarted(msgspec.Struct, frozen=True):
    """Where the relay listens, and its process."""

    pid: int
    url: str


class Relay:
    """An ASGI app that asks one server the same and returns its bytes as they come."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = (await receive())["body"]
        async with self._session.post(self._url, data=body) as response:
            await send({"type": "http.response.start", "status": response.status, "headers": []})
            while piece := await response.content.readany():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


@click.command()
@click.argument("worker_url")
@click.argument("worker_key")
@click.argument("parent", type=int)
@click.option("--kept", is_flag=True, help="Use connections to it again, as to a server elsewhere.")
def main(worker_url: str, worker_key: str, parent: int, *, kept: bool) -> None:
    """Relay to a worker until SIGTERM, or until the benchmark that started it is gone."""
    if sys.platform == "linux":
        die_with_parent(parent, "signal")
    uvloop.run(_serve(worker_url, worker_key, is_kept=kept))


async def _serve(worker_url: str, worker_key: str, *, is_kept: bool) -> None:
    address = urlsplit(worker_url)
    assert address.hostname
    assert address.port
    listener = listen(Config(port=0))
    connector = aiohttp.TCPConnector(limit=0) if is_kept else LoopbackConnector(address.hostname, address.port)
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"Authorization": f"Bearer {worker_key}", "Content-Type": "application/json"},
    ) as session:
        server = uvicorn.Server(http_settings(Relay(session, f"{worker_url}/v1/chat/completions")))
        spare_the_collector()
        started = RelayStarted(os.getpid(), f"http://127.0.0.1:{listener.getsockname()[1]}/v1/chat/completions")
        print(msgspec.json.encode(started).decode(), flush=True)
        await asyncio.create_task(server.serve(sockets=[listener]))


if __name__ == "__main__":
    main()
