"""Takes the port."""

import errno
import ipaddress
import os
import socket
from contextlib import ExitStack

from arriero.config import Config
from arriero.errors import ConfigError

_BACKLOG = 2048


def listen(config: Config) -> socket.socket:
    """Listen where the settings say. Raises ConfigError, in words that Ollama's users know, where that cannot be."""
    try:
        found = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # `localhost` may be both: clients try the older protocol's address first, and Ollama's listens there.
        family, kind, protocol, _, address = min(found, key=lambda info: info[0] != socket.AF_INET)
        with ExitStack() as undo:
            listener = undo.enter_context(socket.socket(family, kind, protocol))
            if os.name == "posix":
                # Elsewhere this would let two servers have one port.
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
            undo.pop_all()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "; choose another port with --port" if error.errno == errno.EADDRINUSE else ""
        raise ConfigError(f"listen tcp {config.host}:{config.port}: bind: {reason}{hint}") from error
    listener.setblocking(False)
    return listener


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach the port."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback
