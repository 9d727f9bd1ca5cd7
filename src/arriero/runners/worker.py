"""Loads a model into a worker process of its own, and is the handle on it."""

import asyncio
import logging
import math
import secrets
import socket
import time
from collections.abc import Callable
from typing import Protocol

from arriero.engines.base import Arrives, Engine, Launch, Plan
from arriero.errors import EngineFailed, LoadFailed
from arriero.runners.memory import ProcessMemory, process_activity, process_memory
from arriero.runners.process import EngineProcess
from arriero.types.loading import LoadOptions
from arriero.types.models import ModelRecord

logger = logging.getLogger(__name__)

_PROBE_INTERVAL_S = 0.02
# A load that takes minutes is not asked fifty times a second: nobody notices so small a part of it.
_PROBE_SHARE = 0.02
_LONGEST_PROBE_INTERVAL_S = 0.5
# Whom a process has started is found by going through all processes of the machine.
_LOOK_INTERVAL_S = 0.5
_TELL_INTERVAL_S = 5.0
_SIGNALS_FROM_OUTSIDE = frozenset({9, 15})  # SIGKILL, which Windows does not have, and SIGTERM


class LoadedModel(Protocol):
    """A model that is in memory and answers until it is stopped or dies."""

    @property
    def engine(self) -> Engine:
        """What answers."""

    @property
    def plan(self) -> Plan:
        """How it was loaded."""

    def memory_bytes(self) -> int:
        """Memory that it holds now, on devices too."""

    def private_bytes(self) -> int:
        """What the machine would have again without it; mapped files count as available all the time."""

    def vram_bytes(self) -> int:
        """What of it lies on GPUs."""

    async def wait_for_end(self) -> str:
        """Wait until it is gone, and say in words how it went."""

    async def stop(self) -> None:
        """End it and give its memory back."""


class Loader(Protocol):
    """Plans loads and does them."""

    def plan(self, record: ModelRecord, options: LoadOptions, free_bytes: int | None) -> Plan:
        """How to load a model within so much memory; None: with the least that other models are unloaded for."""

    async def load(self, record: ModelRecord, plan: Plan) -> LoadedModel:
        """Load it. Raises LoadFailed, and leaves nothing behind."""


Planner = Callable[[ModelRecord, LoadOptions, int | None], Plan]
# Prepares a launch: of a model, by a plan, on a port, with a key.
Launcher = Callable[[ModelRecord, Plan, int, str], Launch]


class Worker:
    """A model in a process (see ``LoadedModel``)."""

    def __init__(self, process: EngineProcess, engine: Engine, plan: Plan) -> None:
        self._process = process
        self._starting = engine
        self.engine = engine
        self.plan = plan
        self._memory = ProcessMemory(0, 0)
        self._measured_s = -math.inf

    @property
    def pid(self) -> int:
        """Its process's id."""
        return self._process.pid

    async def arrive(self) -> None:
        """Its process is up: have it tell what it is, where that was not known. Raises EngineFailed."""
        if isinstance(self._starting, Arrives):
            self.engine, self.plan = await self._starting.arrive(self.plan)

    def memory_bytes(self) -> int:
        """Memory of the process, mapped weights included, and of devices."""
        return self._measure().resident_bytes + self.vram_bytes()

    def private_bytes(self) -> int:
        """Memory of the process that no file backs."""
        return self._measure().private_bytes

    def vram_bytes(self) -> int:
        """What llama.cpp said that it took on GPUs."""
        return sum(self._process.device_bytes.values())

    def _measure(self) -> ProcessMemory:
        now_s = time.monotonic()
        if now_s - self._measured_s > _LOOK_INTERVAL_S:
            self._memory, self._measured_s = process_memory(self._process.pid), now_s
        return self._memory

    async def wait_for_end(self) -> str:
        """Wait until the process is gone; its exit code and last words."""
        code = await self._process.wait()
        return describe_end(code, self._process.last_words)

    async def stop(self) -> None:
        """End the process and drop its connections."""
        await self._process.stop()
        self._measured_s = -math.inf
        await self._starting.aclose()
        if self.engine is not self._starting:
            await self.engine.aclose()


class WorkerLoader:
    """Starts workers. ``stall_timeout_s``: how long a load may go on without a sign of life; 0: for ever."""

    def __init__(self, launcher: Launcher, planner: Planner, stall_timeout_s: float) -> None:
        self._launcher = launcher
        self._planner = planner
        self._stall_timeout_s = stall_timeout_s

    def plan(self, record: ModelRecord, options: LoadOptions, free_bytes: int | None) -> Plan:
        """How to load a model (see ``Loader``)."""
        return self._planner(record, options, free_bytes)

    async def load(self, record: ModelRecord, plan: Plan) -> Worker:
        """Start a worker for the model and wait until it answers. Raises LoadFailed, and leaves nothing behind."""
        if record.weights is not None and not record.path.exists():
            raise LoadFailed(f'model "{record.name}" not found, try pulling it first', 404)
        launch = self._launcher(record, plan, _free_port(), secrets.token_urlsafe(24))
        facts = {"model": record.name, "context": launch.plan.context, "slots": launch.plan.slots}
        logger.info("loading model", extra=facts)
        started_s = time.monotonic()
        try:
            process = await EngineProcess.start(launch.spec, record.name)
        except OSError as error:
            raise LoadFailed(f"could not start the engine for {record.name}: {error}") from error
        worker = Worker(process, launch.connect(), launch.plan)
        try:
            await self._until_ready(record, worker, is_watched=launch.is_watched)
            await worker.arrive()
        except EngineFailed as error:
            await worker.stop()
            raise LoadFailed(f"could not load {record.name}: {error.message}") from error
        except BaseException:
            await worker.stop()
            raise
        facts |= {"context": worker.plan.context, "slots": worker.plan.slots}
        logger.info("model loaded", extra={**facts, "seconds": round(time.monotonic() - started_s, 2)})
        return worker

    async def _until_ready(self, record: ModelRecord, worker: Worker, *, is_watched: bool) -> None:
        end = asyncio.create_task(worker.wait_for_end())
        stall = _StallWatch(worker.pid, record.name)
        began_s = time.monotonic()
        try:
            while not await worker.engine.health():
                share_s = (time.monotonic() - began_s) * _PROBE_SHARE
                interval_s = min(max(_PROBE_INTERVAL_S, share_s), _LONGEST_PROBE_INTERVAL_S)
                await asyncio.wait({end}, timeout=interval_s)
                if end.done():
                    raise EngineFailed(f"the engine {end.result()}")
                if is_watched and 0 < self._stall_timeout_s < stall.seconds():
                    raise EngineFailed(f"no progress for {self._stall_timeout_s:g} s")
        finally:
            end.cancel()


class _StallWatch:
    """Looks whether a loading process does anything, and tells now and then how far it is.

    The worker cannot tell: the wheel holds Python's lock until the model is loaded.
    """

    def __init__(self, pid: int, name: str) -> None:
        self._pid = pid
        self._name = name
        self._activity = 0.0
        self._started_s = self._active_s = self._told_s = time.monotonic()
        self._looked_s = -math.inf

    def seconds(self) -> float:
        """How long it has not done anything."""
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_INTERVAL_S:
            return self._looked_s - self._active_s
        self._looked_s = now_s
        activity = process_activity(self._pid)
        if activity != self._activity:
            self._activity, self._active_s = activity, now_s
        if now_s - self._told_s > _TELL_INTERVAL_S:
            self._told_s = now_s
            logger.info(
                "still loading model",
                extra={
                    "model": self._name,
                    "seconds": round(now_s - self._started_s),
                    "memory_mib": process_memory(self._pid).resident_bytes >> 20,
                },
            )
        return now_s - self._active_s


def describe_end(code: int, last_words: str) -> str:
    """In words how a process ended."""
    if -code in _SIGNALS_FROM_OUTSIDE:
        # From outside: what it happened to print before has nothing to do with it.
        return f"was killed by signal {-code}"
    how = f"was killed by signal {-code}" if code < 0 else f"exited with code {code}"
    return f"{how}: {last_words}" if last_words else how


def _free_port() -> int:
    # Somebody else may take the port before the worker does. Then it fails to start, or, should that somebody answer
    # like a worker, refuses our key.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
