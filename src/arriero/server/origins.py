"""Which pages in a browser may use the server: cross-origin rules, as Ollama has them (gin-contrib/cors 1.7.2).

They are looked at before anything else, also for paths that do not exist. A request without an origin is no page's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arriero.errors import ConfigError
from arriero.server.exchange import Exchange

_OWN_HOSTS = ("localhost", "127.0.0.1", "0.0.0.0")
_OWN_SCHEMES = ("http", "https")
_APPS = ("app://*", "file://*", "tauri://*", "vscode-webview://*", "vscode-file://*")
BUILT_IN = (
    *(f"{scheme}://{host}{port}" for host in _OWN_HOSTS for port in ("", ":*") for scheme in _OWN_SCHEMES),
    *_APPS,
)
# An entry without a wildcard must begin with one of these.
_SCHEMES = (
    "http://",
    "https://",
    "chrome-extension://",
    "safari-extension://",
    "moz-extension://",
    "ms-browser-extension://",
)
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS",
    "Access-Control-Allow-Headers": ",".join(
        [
            *("Authorization", "Content-Type", "User-Agent", "Accept", "X-Requested-With", "Openai-Beta"),
            *("X-Stainless-Arch", "X-Stainless-Async", "X-Stainless-Custom-Poll-Interval"),
            *("X-Stainless-Helper-Method", "X-Stainless-Lang", "X-Stainless-Os", "X-Stainless-Package-Version"),
            *("X-Stainless-Poll-Helper", "X-Stainless-Retry-Count", "X-Stainless-Runtime"),
            *("X-Stainless-Runtime-Version", "X-Stainless-Timeout"),
            # Ollama lacks these, and so its own Anthropic route is closed to browsers.
            *("x-api-key", "anthropic-version", "anthropic-beta", "anthropic-dangerous-direct-browser-access"),
        ]
    ),
    "Access-Control-Max-Age": "43200",
}
_PREFLIGHT_VARY = ("Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers")


@dataclass(frozen=True, slots=True)
class Origins:
    """The origins that may use the server. is_open: every one may."""

    exact: frozenset[str]
    wild: tuple[tuple[str, str], ...]
    is_open: bool = False

    def allow(self, origin: str) -> bool:
        """Whether a page from there may use the server."""
        return (
            self.is_open
            or origin in self.exact
            or any(
                len(origin) >= len(start) + len(end) and origin.startswith(start) and origin.endswith(end)
                for start, end in self.wild
            )
        )


def parse_origins(given: Sequence[str]) -> Origins:
    """The user's entries before the built-in ones. Raises ConfigError for one that could never match."""
    for entry in given:
        if entry.count("*") > 1:
            raise ConfigError(f"OLLAMA_ORIGINS: {entry!r} has more than one *")
        if "*" not in entry and not entry.startswith(_SCHEMES):
            raise ConfigError(f"OLLAMA_ORIGINS: {entry!r} must begin with one of {', '.join(_SCHEMES)}")
    entries: Iterable[str] = (*given, *BUILT_IN)
    return Origins(
        exact=frozenset(entry for entry in entries if "*" not in entry),
        wild=tuple((start, end) for entry in entries if "*" in entry for start, _, end in [entry.partition("*")]),
        is_open="*" in given,
    )


class CrossOrigin:
    """Middleware: answers preflights, refuses origins that are not allowed, and names those that are."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer it."""
        origin = _foreign_origin(scope)
        if origin is None:
            await self._app(scope, receive, send)
        elif not self._origins.allow(origin):
            await Exchange(scope, receive, send).reply_empty(403)
        elif scope["method"] == "OPTIONS":
            await Exchange(scope, receive, send).reply_empty(204, self._preflight(origin))
        else:
            await self._app(scope, receive, self._named(origin, send))

    def _preflight(self, origin: str) -> MutableHeaders:
        headers = MutableHeaders({"Access-Control-Allow-Origin": self._shown(origin), **_PREFLIGHT})
        if not self._origins.is_open:
            for name in _PREFLIGHT_VARY:
                headers.append("Vary", name)
        return headers

    def _named(self, origin: str, send: Send) -> Send:
        async def send_named(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Access-Control-Allow-Origin"] = self._shown(origin)
                if not self._origins.is_open:
                    headers.append("Vary", "Origin")
            await send(message)

        return send_named

    def _shown(self, origin: str) -> str:
        return "*" if self._origins.is_open else origin


def _foreign_origin(scope: Scope) -> str | None:
    """The page's origin where it is not this very server."""
    if scope["type"] != "http" or not any(name == b"origin" for name, _ in scope["headers"]):
        return None
    headers = Headers(scope=scope)
    origin, host = headers["origin"], headers.get("host")
    return None if not origin or origin in {f"http://{host}", f"https://{host}"} else origin
