"""Where instruments are registered, and the text that a Prometheus server fetches."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector


def new_registry() -> CollectorRegistry:
    """A registry that has the memory, processor time and open files of this process, on Linux."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry, accept: str = "") -> tuple[bytes, str]:
    """All values of this moment and their content type, in the format that an ``Accept`` header prefers."""
    encode, content_type = choose_encoder(accept)
    return encode(_WithoutBirthdays(registry)), content_type


class _WithoutBirthdays(Collector):
    """Leaves out when each counter was made: a time series beside each that no dashboard shows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterable[Metric]:
        """The metrics, without those samples."""
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric
