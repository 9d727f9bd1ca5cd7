"""Which names a server on the loopback interface answers to.

A page on the web can have its own name point to 127.0.0.1 (DNS rebinding), and is then no stranger to a browser. So
the name in a request must be one that only this machine, or its network, can give it.
"""

import ipaddress
import socket
from collections.abc import Collection

import psutil
from starlette.types import ASGIApp, Receive, Scope, Send

from arriero.server.exchange import Exchange

_LOCAL_SUFFIXES = (".localhost", ".local", ".internal")


class LocalHosts:
    """Middleware: refuses requests to names that others can point here. Only for a server on loopback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._addresses = _own_addresses()
        self._name = socket.gethostname().lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = next((value for name, value in scope["headers"] if name == b"host"), b"")
        host = host_without_port(given.decode("latin-1"))
        address = _address(host)
        if address is not None:
            is_allowed = is_local_address(address, self._addresses)
        else:
            is_allowed = is_local_name(host, self._name)
        if not is_allowed:
            await Exchange(scope, receive, send).reply_empty(403)
        elif scope["method"] == "OPTIONS" and address is None:
            await Exchange(scope, receive, send).reply_empty(204)
        else:
            await self._app(scope, receive, send)


def host_without_port(host: str) -> str:
    """The name or address in a ``Host`` header."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host if host.count(":") > 1 else host.partition(":")[0]


def is_local_name(host: str, own_name: str) -> bool:
    """Whether a name means this machine, or one that only a local network can name."""
    name = host.lower()
    return name in {"", "localhost", own_name} or name.endswith(_LOCAL_SUFFIXES)


def is_local_address(address: ipaddress.IPv4Address | ipaddress.IPv6Address, own: Collection[str]) -> bool:
    """Whether an address is this machine's, or in a private network."""
    return address.is_loopback or address.is_private or address.is_unspecified or str(address) in own


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _own_addresses() -> frozenset[str]:
    found = psutil.net_if_addrs().values()
    return frozenset(entry.address.partition("%")[0] for entries in found for entry in entries)
