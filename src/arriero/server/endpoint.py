"""Turns a handler into an ASGI app that answers errors in one dialect."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from arriero.errors import ArrieroError, InvalidRequest, ServerBusy
from arriero.server.errors import Dialect, dialect_of
from arriero.server.exchange import ClientGone, Exchange

logger = logging.getLogger(__name__)

Handler = Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A route's app: what a handler raises becomes an error answer or, once a stream has begun, its last record."""

    handler: Handler
    dialect: Dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        exchange = Exchange(scope, receive, send, self.dialect.id_header)
        try:
            await self.handler(exchange)
        except ClientGone:
            logger.debug("client gone", extra={"path": scope["path"]})
        except ArrieroError as error:
            await self._fail(exchange, error)
        except RecursionError:
            # Brackets within brackets, a thousand deep: no limit that others keep to tells where it becomes too much.
            logger.info("handler went too deep", extra={"path": scope["path"]})
            await self._fail(exchange, InvalidRequest("exceeded max depth"))
        except asyncio.CancelledError:
            # The server stops and has given up waiting for this answer. Here the task ends: nobody is left to tell.
            await self._fail(exchange, ServerBusy("the server is shutting down"))
        except Exception:
            logger.exception("handler failed", extra={"path": scope["path"]})
            await self._fail(exchange, ArrieroError("internal server error; the server's log says why"))

    async def _fail(self, exchange: Exchange, error: ArrieroError) -> None:
        if exchange.has_started:
            logger.warning("answer broke off", extra={"error": error.message})
            await exchange.break_off(error.message)
        else:
            body = self.dialect.error_body(error, exchange.request_id)
            await exchange.reply(body, self.dialect.content_type, error.status)


class SharedPath:
    """A path that dialects share: each request goes to the endpoint of its own (see ``dialect_of``)."""

    def __init__(self, *endpoints: Endpoint) -> None:
        self._endpoints = {endpoint.dialect: endpoint for endpoint in endpoints}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._endpoints[dialect_of(scope)](scope, receive, send)
