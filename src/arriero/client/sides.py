"""The models that a router in a program works with, each at its server."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from arriero.client.hosts import Host, ModelAt
from arriero.engines.base import Engine
from arriero.runners.carrier import ANYTHING, Answer, Result, Status
from arriero.runners.upstreams import Upstreams
from arriero.types.chat import TextRequest
from arriero.types.loading import Demand
from arriero.types.models import ModelRecord
from arriero.types.upstreams import UpstreamSettings


def names_of_models(models: Sequence[ModelAt]) -> list[str]:
    """A name for each model: its own, unless a model of that name at another server has it already."""
    taken: dict[str, ModelAt] = {}
    names = []
    for each in models:
        name = each.model if taken.setdefault(each.model, each) == each else f"{each.model} at {each.url}"
        names.append(name)
    return names


class Sides:
    """A ``Carrier`` of a few models by the names that a router has for them. Make it within an event loop."""

    def __init__(self, models: Mapping[str, ModelAt]) -> None:
        self._models = models
        hosts = dict.fromkeys((each.url, each.api_key) for each in models.values())
        self._hosts = {
            (url, key): Host(UpstreamSettings(url.partition("://")[2], url, api_key=key)) for url, key in hosts
        }

    async def open(self, names: Sequence[str], patience_s: float) -> None:
        """Look at the servers of these models, where that has not been done yet, for so long at most."""
        await asyncio.gather(*(host.open(patience_s) for host in {self._host(name) for name in names}))

    def find(self, name: str) -> ModelRecord:
        """A model by its name here. Raises UpstreamsDown, ModelNotFound."""
        return replace(self._host(name).find(self._models[name].model), name=name)

    def host(self, name: str) -> Host:
        """The server of a model."""
        return self._host(name)

    def answer(
        self, record: ModelRecord, request: TextRequest, demand: Demand = ANYTHING
    ) -> AbstractAsyncContextManager[Answer]:
        """Generate with a model (see ``Carrier``)."""
        upstreams, there = self._there(record)
        return upstreams.answer(there, request, demand)

    async def call(
        self,
        record: ModelRecord,
        work: Callable[[Engine], Awaitable[Result]],
        demand: Demand = ANYTHING,
        *,
        takes_slot: bool = False,
    ) -> Result:
        """Have the model's engine do something (see ``Carrier``)."""
        upstreams, there = self._there(record)
        return await upstreams.call(there, work, demand, takes_slot=takes_slot)

    async def load(self, record: ModelRecord, demand: Demand = ANYTHING) -> None:
        """Make sure that a model's server is there."""
        upstreams, there = self._there(record)
        await upstreams.load(there, demand)

    def unload(self, record: ModelRecord) -> None:
        """Nothing: what is loaded there is not this program's to decide."""

    def loaded_context(self, record: ModelRecord) -> int:
        """Tokens of context that the model is loaded with (see ``Carrier``)."""
        upstreams, there = self._there(record)
        return upstreams.loaded_context(there)

    def statuses(self) -> list[Status]:
        """Nothing: nobody asks a program which models it has loaded."""
        return []

    def end(self) -> None:
        """Break off what is under way."""
        for host in self._hosts.values():
            host.upstreams.end()

    async def aclose(self) -> None:
        """Close all connections."""
        await asyncio.gather(*(host.aclose() for host in self._hosts.values()))

    def _host(self, name: str) -> Host:
        at = self._models[name]
        return self._hosts[at.url, at.api_key]

    def _there(self, record: ModelRecord) -> tuple[Upstreams, ModelRecord]:
        """Who answers for a model, and its record as it is there."""
        host = self._host(record.name)
        return host.upstreams, host.find(self._models[record.name].model)
