"""Puts the routes together. Everything that the app works with is an argument."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from arriero.server import ollama_account
from arriero.server.anthropic import AnthropicMessages
from arriero.server.anthropic_models import AnthropicModels
from arriero.server.auth import ApiKey
from arriero.server.endpoint import Endpoint, Handler, SharedPath
from arriero.server.errors import ANTHROPIC, OLLAMA, OPENAI, Dialect
from arriero.server.exchange import Exchange
from arriero.server.hosts import LocalHosts
from arriero.server.metrics import Metrics
from arriero.server.ollama import OllamaText
from arriero.server.ollama_blobs import OllamaBlobs
from arriero.server.ollama_create import OllamaCreate
from arriero.server.ollama_embed import OllamaEmbed
from arriero.server.ollama_models import OllamaModels
from arriero.server.ollama_transfer import OllamaTransfer
from arriero.server.openai import OpenAIChat
from arriero.server.openai_audio import OpenAIAudio
from arriero.server.openai_completion import OpenAICompletion
from arriero.server.openai_embed import OpenAIEmbed
from arriero.server.openai_models import OpenAIModels
from arriero.server.origins import CrossOrigin, Origins, parse_origins
from arriero.server.relay import RELAYED, Relay
from arriero.server.responses import OpenAIResponses
from arriero.server.router import RouterExplain
from arriero.server.services import Services
from arriero.server.systemone import SystemOne


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the server.

    api_key: what every request must bring, if anything. origins: pages in a browser that may use it, beside those of
    this machine. is_local: it listens on loopback only, and answers only to names that mean this machine.
    """

    api_key: str | None = None
    origins: Origins = field(default_factory=lambda: parse_origins(()))
    is_local: bool = False


def build_app(services: Services, access: Access) -> ASGIApp:
    """The server as one ASGI app, which breaks off pulls and closes the carrier when it stops."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        services.pulls.end()
        await services.carrier.aclose()

    routes = _routes(services)
    if services.upstreams is not None:
        _relay(routes, Relay(services.library, services.upstreams))
    starlette = Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: _not_found, 405: _wrong_method})
    starlette.router.redirect_slashes = False
    app: ASGIApp = _ExactPaths(routes, starlette)
    if access.api_key:
        app = ApiKey(app, access.api_key)
    if access.is_local:
        app = LocalHosts(app)
    return CrossOrigin(app, access.origins)


def _relay(routes: Sequence[Route], relay: Relay) -> None:
    """Put a relay before the handlers whose requests name a model."""
    for route in routes:
        endpoint = route.app
        if route.path in RELAYED and isinstance(endpoint, Endpoint):
            handler = relay.before(endpoint.handler, route.path, endpoint.dialect)
            route.app = Endpoint(handler, endpoint.dialect)


class _ExactPaths:
    """Finds a path without parameters by one look-up; everything else is Starlette's to match or to refuse.

    Its layers and its walk along the routes cost an eighth of a request otherwise.
    """

    def __init__(self, routes: Sequence[Route], rest: ASGIApp) -> None:
        self._apps = {(method, route.path): route.app for route in routes for method in route.methods or ()}
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_http = scope["type"] == "http"
        app = self._apps.get((scope["method"], scope["path"]), self._rest) if is_http else self._rest
        await app(scope, receive, send)


def _routes(services: Services) -> list[Route]:
    text, models, openai_chat = OllamaText(services), OllamaModels(services), OpenAIChat(services)
    transfer, creation, blobs = OllamaTransfer(services), OllamaCreate(services), OllamaBlobs(services)
    embeddings = OllamaEmbed(services)
    completion = OpenAICompletion(services)
    openai_embed, openai_models, openai_audio = OpenAIEmbed(services), OpenAIModels(services), OpenAIAudio(services)
    responses, anthropic = OpenAIResponses(services), AnthropicMessages(services)
    anthropic_models = AnthropicModels(services)
    return [
        _route("POST", "/api/chat", text.chat, OLLAMA),
        _route("POST", "/api/generate", text.generate, OLLAMA),
        _route("POST", "/api/embed", embeddings.embed, OLLAMA),
        _route("POST", "/api/embeddings", embeddings.embeddings, OLLAMA),
        _route("POST", "/v1/chat/completions", openai_chat.completions, OPENAI),
        _route("POST", "/v1/completions", completion.completions, OPENAI),
        _route("POST", "/v1/embeddings", openai_embed.embeddings, OPENAI),
        _route("POST", "/v1/audio/transcriptions", openai_audio.transcriptions, OPENAI),
        _route("POST", "/v1/responses", responses.create, OPENAI),
        _route("POST", "/v1/messages", anthropic.create, ANTHROPIC),
        _route("POST", "/v1/messages/count_tokens", anthropic.count_tokens, ANTHROPIC),
        _route("POST", "/v1/systemone", SystemOne(services).decide, OLLAMA),
        _route("GET HEAD", "/", _heartbeat, OLLAMA),
        _route("GET HEAD", "/api/version", models.version, OLLAMA),
        _route("GET HEAD", "/api/tags", models.tags, OLLAMA),
        _route("GET", "/api/ps", models.ps, OLLAMA),
        _route("POST", "/api/show", models.show, OLLAMA),
        _route("POST", "/api/pull", transfer.pull, OLLAMA),
        _route("POST", "/api/push", transfer.push, OLLAMA),
        _route("POST", "/api/create", creation.create, OLLAMA),
        _route("POST", "/api/copy", creation.copy, OLLAMA),
        _route("DELETE", "/api/delete", creation.delete, OLLAMA),
        _route("HEAD", "/api/blobs/{digest}", blobs.head, OLLAMA),
        _route("POST", "/api/blobs/{digest}", blobs.create, OLLAMA),
        _route("GET", "/api/status", ollama_account.status, OLLAMA),
        _route("POST", "/api/me", ollama_account.me, OLLAMA),
        _route("POST", "/api/signout", ollama_account.signout, OLLAMA),
        _route("DELETE", "/api/user/keys/{key}", ollama_account.signout, OLLAMA),
        _route("POST", "/api/experimental/web_search", ollama_account.web_search, OLLAMA),
        _route("POST", "/api/experimental/web_fetch", ollama_account.web_fetch, OLLAMA),
        _route("GET", "/api/experimental/model-recommendations", ollama_account.recommendations, OLLAMA),
        _route("POST", "/api/router/explain", RouterExplain(services).explain, OLLAMA),
        _route("GET", "/metrics", Metrics(services.metrics).show, OLLAMA),
        _shared("/v1/models", openai_models.models, anthropic_models.models),
        # Names of models have slashes in them; Ollama's own route, of one segment, cannot be asked for those.
        _shared("/v1/models/{id:path}", openai_models.model, anthropic_models.model),
    ]


def _shared(path: str, openai: Handler, anthropic: Handler) -> Route:
    """A path that OpenAI and Anthropic share, to be asked with GET."""
    route = Route(path, SharedPath(Endpoint(openai, OPENAI), Endpoint(anthropic, ANTHROPIC)), methods=["GET"])
    route.methods = {"GET"}
    return route


def _route(methods: str, path: str, handler: Handler, dialect: Dialect) -> Route:
    route = Route(path, Endpoint(handler, dialect), methods=methods.split())
    # Starlette answers HEAD wherever it answers GET. Ollama does so only where it says so.
    route.methods = set(methods.split())
    return route


async def _heartbeat(exchange: Exchange) -> None:
    """``GET|HEAD /``: clients look for exactly this text."""
    await exchange.reply(b"Ollama is running", b"text/plain; charset=utf-8")


async def _not_found(request: Request, _: Exception) -> Response:
    path = request.url.path
    if path.endswith("/") and path.rstrip("/") in {route.path for route in request.app.routes}:
        status = 301 if request.method == "GET" else 307
        return RedirectResponse(str(request.url.replace(path=path.rstrip("/"))), status_code=status)
    return PlainTextResponse("404 page not found", status_code=404)


async def _wrong_method(_: Request, error: Exception) -> Response:
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse("405 method not allowed", status_code=405, headers=headers)
