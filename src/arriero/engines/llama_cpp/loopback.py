"""Connections to a server on this machine."""

import asyncio

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.tracing import Trace

_CONNECT_TIMEOUT_S = 10.0


class LoopbackConnector(aiohttp.BaseConnector):
    """Opens a connection of its own for each request, to one port of the loopback interface.

    llama.cpp closes a connection after a streamed answer, so none can be kept. aiohttp's own connector looks names up
    and races addresses, for which uvloop asks a thread, even for 127.0.0.1: half of what a connection costs.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__(limit=0, force_close=True)
        self._address = (host, port)

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # the base class's signature
    ) -> ResponseHandler:
        """Connect (see ``aiohttp.UnixConnector``, which does the same for its kind of address)."""
        del traces, timeout
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                _, protocol = await self._loop.create_connection(self._factory, *self._address)
        except OSError as error:
            raise aiohttp.ClientConnectorError(req.connection_key, error) from error
        return protocol
