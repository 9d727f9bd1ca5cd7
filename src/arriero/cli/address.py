"""Where the server is that the commands speak to, and the key it is given."""

import ipaddress
from collections.abc import Mapping
from contextlib import suppress

from arriero.config import config_from, variable
from arriero.errors import ConfigError

_OLLAMAS_OWN = "ollama.com"
_KEYS = ("ARRIERO_API_KEY", "OLLAMA_API_KEY")


def server_url(environ: Mapping[str, str]) -> str:
    """The base URL that ``OLLAMA_HOST`` stands for, with its path prefix and without a slash at the end.

    An address that means every interface is one to listen on: a client takes loopback in its place. Raises
    ConfigError for an address that makes no sense.
    """
    text = variable(environ, "OLLAMA_HOST")
    if text == _OLLAMAS_OWN:
        return f"https://{_OLLAMAS_OWN}:443"
    config = config_from({"OLLAMA_HOST": text})
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    host = _reachable(config.host)
    if ":" in host and not _is_address(host):
        raise ConfigError(f"OLLAMA_HOST: cannot read {text!r}: give HOST:PORT, as in 127.0.0.1:{config.port}")
    path = rest.partition("/")[2].strip("/")
    authority = f"[{host}]" if ":" in host else host
    return f"{scheme}://{authority}:{config.port}{f'/{path}' if path else ''}"


def key_for_server(environ: Mapping[str, str]) -> str | None:
    """The key to bring along, if the user has set one; arriero's own variable goes before Ollama's."""
    return next((key for name in _KEYS if (key := environ.get(name, "").strip())), None)


def is_loopback(url_host: str) -> bool:
    """Whether a host is this machine: its requests then go to no proxy."""
    if url_host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(url_host.strip("[]")).is_loopback
    return False


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _reachable(host: str) -> str:
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            return "::1" if address.version == 6 else "127.0.0.1"
    return host
