"""Connections to a server that runs elsewhere."""

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from arriero.engines.openai.wire import OpenAIWire, WireTimeouts, connection_fault
from arriero.errors import ConfigError, EngineUnreachable
from arriero.types.upstreams import UpstreamSettings

# Shorter than what servers and balancers commonly wait before they close a connection that nothing comes over.
_KEEP_ALIVE_S = 4.0


@dataclass(frozen=True, slots=True)
class Connection:
    """How a server is reached: what every client of it has in common."""

    base_url: str
    headers: dict[str, str]
    security: ssl.SSLContext | bool
    timeouts: WireTimeouts

    def wire(self, *, keeps_alive: bool = True) -> OpenAIWire:
        """A client of its OpenAI API. keeps_alive: connections are used again."""
        return OpenAIWire(self.base_url, self.headers, self._connector(keeps_alive=keeps_alive), self.timeouts)

    def _connector(self, *, keeps_alive: bool) -> aiohttp.TCPConnector:
        if keeps_alive:
            return aiohttp.TCPConnector(limit=0, ssl=self.security, keepalive_timeout=_KEEP_ALIVE_S)
        return aiohttp.TCPConnector(limit=0, ssl=self.security, force_close=True)


def connection(settings: UpstreamSettings) -> Connection:
    """How the server of these settings is reached. Raises ConfigError where its CA file is none."""
    return Connection(
        base_url=base_url(settings.url),
        headers={"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {},
        security=_authorities(settings),
        timeouts=WireTimeouts(settings.connect_timeout_s, settings.read_timeout_s),
    )


def base_url(url: str) -> str:
    """The URL that paths such as ``/v1/models`` are put behind."""
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def explained(error: EngineUnreachable, settings: UpstreamSettings) -> EngineUnreachable:
    """Why a server cannot be reached, and what can be done."""
    cause = error.__cause__
    if isinstance(cause, aiohttp.ClientConnectorCertificateError):
        hint = "is ca_file the right one?" if settings.ca_file else "name a ca_file that vouches for it"
        return EngineUnreachable(f"its certificate is not trusted ({cause.certificate_error}): {hint}")
    if isinstance(cause, aiohttp.ClientConnectorError):
        is_tls = isinstance(cause, aiohttp.ClientConnectorSSLError)
        hint = "is it https that it speaks there?" if is_tls else "does it run, and is the URL right?"
        return EngineUnreachable(f"no connection can be made ({connection_fault(cause)}): {hint}")
    return EngineUnreachable(f"no connection can be made within {settings.connect_timeout_s:g} seconds")


def _authorities(settings: UpstreamSettings) -> ssl.SSLContext | bool:
    if settings.ca_file is None or urlsplit(settings.url).scheme != "https":
        return True
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"upstream {settings.name}: {settings.ca_file} holds no authorities: {error}") from error
