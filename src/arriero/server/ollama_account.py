"""What belongs to Ollama's cloud, which this server is no part of: accounts, searches, recommendations."""

import socket
from urllib.parse import quote

import msgspec

from arriero.errors import CloudDisabled, InvalidRequest, Unauthorized
from arriero.protocol import ollama_account as wire
from arriero.server.errors import JSON
from arriero.server.exchange import Exchange

_CONNECT = "https://ollama.com/connect?name="


async def status(exchange: Exchange) -> None:
    """``GET /api/status``: there is no cloud here."""
    await exchange.reply(msgspec.json.encode(wire.StatusResponse(wire.CloudStatus())), JSON)


async def me(exchange: Exchange) -> None:
    """``POST /api/me``: nobody is signed in here."""
    answer = wire.UnauthorizedResponse("unauthorized", _CONNECT + quote(socket.gethostname(), safe=""))
    await exchange.reply(msgspec.json.encode(answer), JSON, 401)


async def signout(_: Exchange) -> None:
    """``POST /api/signout``, and the older ``DELETE /api/user/keys/:encodedKey``."""
    raise Unauthorized("you are not currently signed in")


async def web_search(exchange: Exchange) -> None:
    """``POST /api/experimental/web_search``."""
    await _refuse(exchange, "web search")


async def web_fetch(exchange: Exchange) -> None:
    """``POST /api/experimental/web_fetch``."""
    await _refuse(exchange, "web fetch")


async def recommendations(exchange: Exchange) -> None:
    """``GET /api/experimental/model-recommendations``."""
    await exchange.reply(msgspec.json.encode(wire.RecommendationsResponse()), JSON)


async def _refuse(exchange: Exchange, what: str) -> None:
    if not (await exchange.body()).strip():
        raise InvalidRequest("missing request body")
    raise CloudDisabled(f"ollama cloud is disabled: {what} is unavailable")
