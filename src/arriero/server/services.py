"""What handlers work with."""

from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry

from arriero.metrics.registry import new_registry
from arriero.runners.carrier import Carrier
from arriero.runners.routing import Routing
from arriero.runners.upstreams import Upstreams
from arriero.store.editor import Editor
from arriero.store.library import Library
from arriero.store.pulls import Pulls
from arriero.store.push import Pusher


@dataclass(frozen=True, slots=True)
class Services:
    """The models there are, the engines that answer for them, and the ways by which models come and go.

    upstreams: servers elsewhere, some of which may be Ollamas that requests are handed on to. metrics: what is counted.
    routing: the routers, where there are any.
    """

    library: Library
    carrier: Carrier
    pulls: Pulls
    pusher: Pusher
    editor: Editor
    upstreams: Upstreams | None = None
    metrics: CollectorRegistry = field(default_factory=new_registry)
    routing: Routing | None = None
