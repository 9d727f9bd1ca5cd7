"""Has models answer on servers that run elsewhere: one of those that have the model, and another if that one fails."""

import asyncio
import itertools
import logging
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from arriero.engines.base import Engine, Relayed, Relays, ServedModel, TakesDemand, UpstreamServer, ignored_by
from arriero.errors import ArrieroError, EngineUnreachable, ModelNotFound, UpstreamsDown
from arriero.runners.balance import Retry, choose, retry_after
from arriero.runners.carrier import ANYTHING, Answer, Result, Status, keep_alive_ignored
from arriero.runners.offers import record_of
from arriero.runners.prefixes import Prefixes, marks_of_body
from arriero.runners.replica import Replica
from arriero.runners.runner import stopping
from arriero.types.chat import TextRequest
from arriero.types.events import EventStream
from arriero.types.loading import Demand
from arriero.types.marks import marks_of
from arriero.types.models import ModelRecord
from arriero.types.upstreams import UpstreamSettings

logger = logging.getLogger(__name__)

Connect = Callable[[UpstreamSettings], UpstreamServer]
# Takes the models that there are, and words on what could not be looked at.
Offer = Callable[[Sequence[ModelRecord], str], None]
# The marks of a conversation, worked out only where there is a choice.
Marks = Callable[[], Sequence[int]]


def _no_marks() -> Sequence[int]:
    return ()


@dataclass(slots=True)
class _Watched:
    replica: Replica
    watch: "asyncio.Task[None]"


class Upstreams:
    """Servers that run elsewhere, as a ``Carrier``. offer: is told which models they serve whenever that changes."""

    def __init__(self, connect: Connect, offer: Offer) -> None:
        self._connect = connect
        self._offer = offer
        self._watched: dict[UpstreamSettings, _Watched] = {}
        self._draining: dict[asyncio.Task[None], Replica] = {}
        self._numbers = itertools.count(1)
        self._prefixes = Prefixes()
        self._since = datetime.now(UTC)
        self._closing: list[asyncio.Task[None]] = []
        self.is_over = False

    @property
    def replicas(self) -> list[Replica]:
        """The servers that get requests."""
        return [watched.replica for watched in self._watched.values()]

    async def set_servers(self, servers: Sequence[UpstreamSettings], patience_s: float = 0.0) -> None:
        """Use these servers from now on.

        Those that are new are looked at first; it is waited for that, at most so long. Those that are gone get no more
        requests, and finish what is under way. Raises ConfigError, and changes nothing, where one cannot be made.
        """
        new = [settings for settings in servers if settings not in self._watched]
        made = [(settings, self._connect(settings)) for settings in new]
        fresh: dict[UpstreamSettings, _Watched] = {}
        for settings, server in made:
            replica = Replica(settings, server, self._changed)
            fresh[settings] = _Watched(replica, asyncio.create_task(replica.watch(), name=f"watch over {replica.name}"))
        await _wait([asyncio.ensure_future(watched.replica.seen.wait()) for watched in fresh.values()], patience_s)
        for settings in [each for each in self._watched if each not in servers]:
            self._drain(self._watched.pop(settings))
        self._watched |= fresh
        self._changed()

    def _drain(self, watched: _Watched) -> None:
        watched.watch.cancel()
        logger.info("upstream goes", extra={"upstream": watched.replica.name})
        task = asyncio.create_task(watched.replica.drained(), name=f"draining of {watched.replica.name}")
        self._draining[task] = watched.replica
        task.add_done_callback(lambda done: self._draining.pop(done, None))

    @asynccontextmanager
    async def answer(
        self, record: ModelRecord, request: TextRequest, demand: Demand = ANYTHING
    ) -> AsyncIterator[Answer]:
        """Generate with a model (see ``Carrier``). Raises UpstreamsDown where no server can be reached."""

        async def begin(replica: Replica) -> Answer:
            engine = replica.engine(record.name)
            ready_ns = time.perf_counter_ns()
            stream = _stream(engine, request, demand)
            ignored = keep_alive_ignored(demand, has_say=isinstance(engine, TakesDemand))
            return Answer(ready_ns, await anext(stream), stream, [*ignored_by(engine, request), *ignored])

        async with self._asked(record, begin, lambda: marks_of(request.prompt)) as answer, aclosing(answer.rest):
            yield answer

    async def call(
        self,
        record: ModelRecord,
        work: Callable[[Engine], Awaitable[Result]],
        demand: Demand = ANYTHING,
        *,
        takes_slot: bool = False,
    ) -> Result:
        """Have one of the model's servers do something (see ``Carrier``)."""
        del demand, takes_slot

        async def begin(replica: Replica) -> Result:
            return await work(replica.engine(record.name))

        async with self._asked(record, begin) as result:
            return result

    @property
    def has_relays(self) -> bool:
        """Whether any of the servers is an Ollama."""
        return any(_is_relay(replica.server) for replica in self.replicas)

    def relays(self, record: ModelRecord) -> bool:
        """Whether requests for the model are handed on as they are: all of its servers are Ollamas."""
        having = self._having(record) if record.carrier == "upstream" else []
        return bool(having) and all(_is_relay(replica.server) for replica in having)

    @asynccontextmanager
    async def relay(
        self, record: ModelRecord, path: str, body: bytes, headers: Sequence[tuple[bytes, bytes]]
    ) -> AsyncIterator[Relayed]:
        """Hand a request on. Raises what ``answer`` raises."""

        async def begin(replica: Replica) -> Relayed:
            assert isinstance(replica.server, Relays)
            return await replica.server.relay(path, body, headers)

        async with self._asked(record, begin, lambda: marks_of_body(body)) as relayed, aclosing(relayed.rest):
            yield relayed

    async def load(self, record: ModelRecord, demand: Demand = ANYTHING) -> None:
        """Make sure that a server of the model is there. Raises UpstreamsDown."""
        del demand
        if not any(replica.is_well for replica in self._having(record)):
            raise self._down(record)

    def unload(self, record: ModelRecord) -> None:
        """Nothing: what is loaded there is not this server's to decide."""

    def loaded_context(self, record: ModelRecord) -> int:
        """Tokens of context that the model is loaded with, on any server (see ``Carrier``)."""
        models = (replica.models[record.name] for replica in self._having(record) if replica.is_well)
        return max((model.loaded_context or model.context or 0 for model in models if model.is_loaded), default=0)

    def statuses(self) -> list[Status]:
        """The models that are loaded on servers that are well."""
        found: dict[str, Status] = {}
        for replica in self.replicas:
            for name, model in replica.models.items() if replica.is_well and replica.seen.is_set() else ():
                status = _status(record_of(name, [model], self._since), model)
                # Of several servers, the one that tells most.
                if model.is_loaded and (name not in found or found[name].memory_bytes < status.memory_bytes):
                    found[name] = status
        return list(found.values())

    def end(self) -> None:
        """Break off what is under way. Requests that come later raise ServerBusy."""
        if self.is_over:
            return
        self.is_over = True
        for watched in self._watched.values():
            watched.watch.cancel()
        for replica in (*self.replicas, *self._draining.values()):
            self._closing.append(asyncio.create_task(replica.server.aclose()))

    async def aclose(self) -> None:
        """Close all connections."""
        self.end()
        tasks = [*(watched.watch for watched in self._watched.values()), *self._draining]
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*tasks, *self._closing, return_exceptions=True)

    @asynccontextmanager
    async def _asked(
        self, record: ModelRecord, work: Callable[[Replica], Awaitable[Result]], marks: Marks = _no_marks
    ) -> AsyncIterator[Result]:
        """What a server has made of something; another one is asked where the first one fails before that."""
        tried: list[Replica] = []
        while True:
            replica = self._choose(record, marks, tried)
            is_begun = False
            try:
                with replica.answering(next(self._numbers)):
                    result = await work(replica)
                    is_begun = True
                    yield result
                    return
            except ArrieroError as error:
                if self.is_over:
                    raise stopping() from error
                tried.append(replica)
                if is_begun or not self._may_go_on(record, error, tried):
                    raise self._explained(record, error) from error
                facts = {"upstream": replica.name, "model": record.name, "error": error.message}
                logger.warning("another upstream is asked", extra=facts)

    def _choose(self, record: ModelRecord, marks: Marks, tried: Sequence[Replica]) -> Replica:
        if self.is_over:
            raise stopping()
        replicas = {each.name: each for each in self._having(record) if each not in tried}
        if len(replicas) == 1 and not tried:
            return next(iter(replicas.values()))
        conversation = marks()
        preferred = self._prefixes.find(conversation)
        chosen = choose([each.candidate() for each in replicas.values()], preferred, time.monotonic())
        if chosen is None:
            raise self._down(record)
        self._prefixes.remember(conversation, chosen.key)
        return replicas[chosen.key]

    def _may_go_on(self, record: ModelRecord, error: ArrieroError, tried: Sequence[Replica]) -> bool:
        others = any(each not in tried for each in self._having(record))
        match retry_after(error):
            case Retry.YES:
                return others
            case Retry.ONCE:
                return others and len(tried) == 1
            case Retry.NO:
                return False

    def _explained(self, record: ModelRecord, error: ArrieroError) -> ArrieroError:
        """The error as the client hears it: that no server is there is told with their names."""
        return self._down(record) if isinstance(error, EngineUnreachable) else error

    def _having(self, record: ModelRecord) -> list[Replica]:
        named = record.servers
        return [each for each in self.replicas if record.name in each.models and (not named or each.name in named)]

    def _down(self, record: ModelRecord) -> ArrieroError:
        having = self._having(record)
        if not having:
            return ModelNotFound(f"model '{record.name}' not found: no upstream serves it any more")
        reasons = "; ".join(replica.error or f"{replica.name} is not there" for replica in having)
        return UpstreamsDown(f"no server of {record.name} can answer now: {reasons}")

    def _changed(self) -> None:
        names = dict.fromkeys(name for replica in self.replicas for name in replica.models)
        served = {name: [each.models[name] for each in self.replicas if name in each.models] for name in names}
        records = [record_of(name, models, self._since) for name, models in served.items()]
        unknown = [replica.error for replica in self.replicas if not replica.models and replica.error]
        self._offer(records, f"not looked at: {', '.join(unknown)}" if unknown else "")


def _stream(engine: Engine, request: TextRequest, demand: Demand) -> EventStream:
    if isinstance(engine, TakesDemand):
        return engine.generate_on_demand(request, demand)
    return engine.generate(request)


def _is_relay(server: UpstreamServer) -> bool:
    return server.kind == "ollama" and isinstance(server, Relays)


def _status(record: ModelRecord, model: ServedModel) -> Status:
    context = model.loaded_context or model.context or 0
    stays_s = math.inf if model.expires_at is None else (model.expires_at - datetime.now(UTC)).total_seconds()
    return Status(record, model.memory_bytes, model.vram_bytes, context, stays_s)


async def _wait(tasks: "Sequence[asyncio.Future[bool]]", patience_s: float) -> None:
    """Wait for all of them, for so long at most."""
    if tasks:
        _, late = await asyncio.wait(tasks, timeout=patience_s)
        for task in late:
            task.cancel()
