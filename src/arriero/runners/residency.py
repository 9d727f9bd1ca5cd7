"""What models may take, and what those that are loaded take now."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from arriero.runners.eviction import Room
from arriero.runners.memory import available_bytes, available_cores
from arriero.runners.planning import estimate_bytes
from arriero.runners.runner import Runner
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord


@dataclass(frozen=True, slots=True)
class Limits:
    """What the user allows.

    keep_alive_s: of models of which no request has said otherwise. queue: requests that wait, in all. models: loaded
    at once. memory_bytes: for all of them; None: what the machine has. reserved_bytes: of which to leave free. threads:
    of each; with more than there are cores, threads wait for each other, and for minutes where there are thousands.
    """

    keep_alive_s: float = 300.0
    queue: int = 512
    models: int = 3
    memory_bytes: int | None = None
    reserved_bytes: int = 0
    threads: int = field(default_factory=available_cores)


def shares_memory(record: ModelRecord) -> bool:
    """Whether a model makes room for others, and others for it.

    One whose engine finds the weights itself does not: that engine takes minutes to start, and has memory of its own.
    """
    return record.weights is not None


def grantable(record: ModelRecord, demand: Demand, limits: Limits) -> Demand:
    """What is granted of a demand. Nothing else is compared later: asking for too much again reloads nothing.

    An engine that takes minutes to start is not loaded anew for what one request wants, and only goes when it is told
    to go now (``keep_alive`` 0, as by ``ollama stop``).
    """
    if not shares_memory(record):
        return Demand(keep_alive_s=0.0 if demand.keep_alive_s == 0 else None)
    options = demand.options
    if options is None or options.threads is None or options.threads <= limits.threads:
        return demand
    return replace(demand, options=replace(options, threads=limits.threads))


def room_of(limits: Limits, runners: Iterable[Runner]) -> Room:
    """What all models together may take: as much as is free, with what they have taken themselves."""
    total_bytes = limits.memory_bytes
    if total_bytes is None:
        sharing = (runner for runner in runners if shares_memory(runner.record))
        held = (runner.loaded.private_bytes() for runner in sharing if runner.loaded is not None)
        total_bytes = available_bytes() + sum(held)
    return Room(max(0, total_bytes - limits.reserved_bytes), limits.models)


def bytes_of(runner: Runner) -> int:
    """What a model takes, or will take as soon as it is loaded."""
    held_bytes = runner.loaded.memory_bytes() if runner.loaded is not None else 0
    return max(held_bytes, estimate_bytes(runner.record, runner.plan))
