"""What a Prometheus server fetches."""

from prometheus_client import CollectorRegistry
from starlette.datastructures import Headers

from arriero.metrics.registry import exposition
from arriero.server.exchange import Exchange


class Metrics:
    """Handler of the values that a registry has."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    async def show(self, exchange: Exchange) -> None:
        """``GET /metrics``: behind the API key where there is one, since it tells which models are asked how often."""
        accept = Headers(raw=list(exchange.headers)).get("accept", "")
        body, content_type = exposition(self._registry, accept)
        await exchange.reply(body, content_type.encode())
