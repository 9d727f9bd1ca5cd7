"""Servers that run elsewhere: how they are reached."""

from arriero.engines.base import UpstreamServer
from arriero.types.upstreams import UpstreamSettings


def connect(settings: UpstreamSettings) -> UpstreamServer:
    """Reach a server."""
    raise NotImplementedError(settings.name)
