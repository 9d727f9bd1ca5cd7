"""Decides, whenever something has changed, who may use a model now, which model is loaded next, and which go for it.

All state is here and in the runners, and changes in plain methods on the event loop, with no await between looking and
writing. The decisions themselves are pure: ``admission.next_turns`` and ``eviction.next_step``.
"""

import asyncio
import itertools
import logging
import math
import re
from dataclasses import replace

from arriero.engines.base import Plan
from arriero.errors import LoadFailed, ServerBusy
from arriero.runners.admission import Files, Line, Ticket, WaitingRoom, files_of, next_turns
from arriero.runners.eviction import Eviction, Resident, clear, next_step
from arriero.runners.planning import estimate_bytes
from arriero.runners.reloading import kept_options, reload_options
from arriero.runners.residency import Limits, bytes_of, grantable, room_of, shares_memory
from arriero.runners.runner import Runner, stopping
from arriero.runners.worker import Loader
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import ModelRecord

logger = logging.getLogger(__name__)

# How an engine ends for lack of memory: the kernel's signal, or llama.cpp's and Python's own words.
_OUT_OF_MEMORY = re.compile(r"signal 9\b|out of memory|failed to allocate|cannot allocate|bad_alloc|MemoryError", re.I)


class Dispatcher:
    """One for a server."""

    def __init__(self, loader: Loader, limits: Limits) -> None:
        self.runners: dict[Files, Runner] = {}
        self._loader = loader
        self._limits = limits
        self._waiting = WaitingRoom(limits.queue)
        self._numbers = itertools.count(1)
        # Models that make room when they are idle, and from which ticket on nobody may use them before.
        self._closed: dict[Files, int] = {}
        # Models that were there and are loaded anew: how long each was to stay.
        self._keep_alives_s: dict[Files, float] = {}
        self.is_over = False

    async def join(self, record: ModelRecord, demand: Demand, *, takes_slot: bool) -> Runner:
        """Wait for one's turn; the model's runner with one more user, who must ``leave`` it.

        Raises ServerBusy where too many wait, LoadFailed where the model cannot be loaded.
        """
        if self.is_over:
            raise stopping()
        demand = grantable(record, demand, self._limits)
        runner = self.runners.get(files_of(record))
        if runner is not None and self._is_free(runner, demand, takes_slot=takes_slot):
            runner.join(demand.keep_alive_s, int(takes_slot))
            return runner
        turn: asyncio.Future[Runner] = asyncio.get_running_loop().create_future()
        ticket = Ticket(next(self._numbers), record, demand, takes_slot, turn)
        self._waiting.add(ticket)
        self.dispatch()
        try:
            return await turn
        except asyncio.CancelledError:
            self._give_up(ticket)
            raise

    def leave(self, runner: Runner, *, takes_slot: bool) -> None:
        """Count a user less, and give the slot to who waits for it."""
        runner.leave(int(takes_slot))
        self.dispatch()
        runner.rest()

    def unload(self, record: ModelRecord) -> None:
        """Unload a model as soon as nobody uses it."""
        self._keep_alives_s.pop(files_of(record), None)
        runner = self.runners.get(files_of(record))
        if runner is not None:
            runner.unload()

    def is_finishing(self, runner: Runner) -> bool:
        """Whether the model is unloaded as soon as those are done who use it."""
        return files_of(runner.record) in self._closed

    def end(self) -> None:
        """Turn away who waits or comes later, and begin to stop all engines."""
        self.is_over = True
        for ticket in self._waiting:
            self._refuse(ticket, stopping())
        for runner in self.runners.values():
            runner.end()

    def dispatch(self) -> None:
        """Do whatever can be done now. It is called whenever something has changed."""
        if self.is_over:
            return
        self._closed = {}
        if not self._waiting:
            return
        if all(runner.was_loaded or runner.is_ending for runner in self.runners.values()):
            self._load_next()
        for files, line in self._waiting.lines():
            self._serve(files, line)

    def _load_next(self) -> None:
        """Load the model whose turn it is. One that cannot even be planned holds nobody up."""
        for files, line in self._waiting.lines():
            if files in self.runners:
                continue
            name = line.first.record.name
            try:
                self._load(line)
            except Exception:
                logger.exception("load cannot be planned", extra={"model": name})
                for ticket in list(line.tickets.values()):
                    self._refuse(ticket, LoadFailed(f"could not plan to load {name}; the server's log says why"))
            else:
                return

    def _welcome(self, files: Files) -> None:
        """A model is up: those who have waited for it come before anybody who wants its memory."""
        self._keep_alives_s.pop(files, None)
        line = self._waiting.line(files)
        if line is not None:
            line.inherited, line.is_second_try, line.is_one_by_one = LoadOptions(), False, False
            self._closed.pop(files, None)
            self._serve(files, line)
        self.dispatch()

    def _serve(self, files: Files, line: Line) -> None:
        runner = self.runners.get(files)
        if runner is None or runner.is_ending or not runner.was_loaded:
            return
        turns = next_turns(line, runner.plan, self._free_slots(runner), self._closed.get(files, math.inf))
        for ticket in turns.granted:
            # One that has just been cancelled goes by itself.
            if runner.loaded is not None and not ticket.turn.cancelled():
                self._waiting.remove(ticket)
                self._give(runner, ticket)
        if turns.reload is not None and not runner.users:
            line.inherited = kept_options(runner.plan)
            self._keep_alives_s[files] = runner.keep_alive_s
            logger.info("loading model anew", extra={"model": runner.record.name, "options": str(turns.reload)})
            runner.end()

    def _is_free(self, runner: Runner, demand: Demand, *, takes_slot: bool) -> bool:
        """Whether who comes now need not wait: he passes only those who wait for a slot, and only if he wants none."""
        files = files_of(runner.record)
        line = self._waiting.line(files)
        return (
            runner.loaded is not None
            and not runner.is_ending
            and files not in self._closed
            and (line is None or not (takes_slot or next_turns(line, runner.plan, 0, math.inf).reload))
            and (not takes_slot or self._free_slots(runner) > 0)
            and reload_options(runner.plan, demand.options, runner.record.architecture.trained_context) is None
        )

    def _free_slots(self, runner: Runner) -> int:
        return runner.plan.slots - runner.taken

    def _give(self, runner: Runner, ticket: Ticket) -> None:
        runner.join(ticket.demand.keep_alive_s, int(ticket.takes_slot))
        ticket.turn.set_result(runner)

    def _give_up(self, ticket: Ticket) -> None:
        """The one who waits has gone away, if not with his turn just given."""
        turn = ticket.turn
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self.leave(turn.result(), takes_slot=ticket.takes_slot)
            return
        self._waiting.remove(ticket)
        files = files_of(ticket.record)
        runner = self.runners.get(files)
        is_awaited = self._waiting.line(files) is not None or files in self._keep_alives_s
        if runner is not None and not runner.was_loaded and not is_awaited:
            # A load that nobody waits for any more; a model that was there before comes back all the same.
            runner.end()
        self.dispatch()

    def _load(self, line: Line) -> None:
        """Load the model that a line waits for, or have others make room for it first."""
        record, options = line.first.record, line.options()
        if not shares_memory(record):
            self._start(record, self._loader.plan(record, options, None))
            return
        modest = self._loader.plan(record, options, None)
        needed_bytes = estimate_bytes(record, modest)
        room = room_of(self._limits, self.runners.values())
        sharing = [files for files, runner in self.runners.items() if shares_memory(runner.record)]
        residents = [self._resident(files, line.first.number) for files in sharing]
        # After a load that failed for lack of memory, all go that can.
        step = clear(residents) if line.is_second_try else next_step(residents, needed_bytes, room)
        if step is not None:
            self._evict(line, step)
            return
        free_bytes = room.memory_bytes - sum(resident.memory_bytes for resident in residents)
        if free_bytes < needed_bytes:
            facts = {"model": record.name, "needed_mib": needed_bytes >> 20, "free_mib": free_bytes >> 20}
            logger.warning("memory may not suffice", extra=facts)
        plan = modest if line.is_second_try else self._loader.plan(record, options, free_bytes)
        # Whatever the loader makes of them, these options have been granted: asking for them again reloads nothing.
        self._start(record, replace(plan, options=options))

    def _start(self, record: ModelRecord, plan: Plan) -> None:
        files = files_of(record)
        keep_alive_s = self._keep_alives_s.get(files, self._limits.keep_alive_s)
        runner = Runner(record, plan, self._loader.load, keep_alive_s, lambda: self._welcome(files))
        self.runners[files] = runner
        runner.ended.add_done_callback(lambda _: self._forget(runner))

    def _evict(self, line: Line, eviction: Eviction[Files]) -> None:
        for files in eviction.now:
            runner = self.runners[files]
            facts = {"model": runner.record.name, "for": line.first.record.name}
            logger.info("unloading model to make room", extra=facts)
            runner.end()
        self._closed = dict.fromkeys(eviction.when_idle, line.first.number)

    def _resident(self, files: Files, number: int) -> Resident[Files]:
        """A model as the holder of a ticket sees it: who came before is served before the model goes."""
        runner, line = self.runners[files], self._waiting.line(files)
        is_awaited = line is not None and line.first.number < number
        return Resident(
            files,
            bytes_of(runner),
            runner.keep_alive_s,
            is_idle=not runner.users and not is_awaited,
            last_used_s=runner.last_used_s,
            is_going=runner.is_ending,
        )

    def _forget(self, runner: Runner) -> None:
        """A runner has ended: who has waited for it hears why, or waits for the next one."""
        files = files_of(runner.record)
        del self.runners[files]
        line = self._waiting.line(files)
        if line is not None and (failure := runner.failure) is not None:
            may_take_less = shares_memory(runner.record) and not line.is_second_try
            if may_take_less and _OUT_OF_MEMORY.search(failure.message):
                logger.warning("loading model once more, with less", extra={"model": runner.record.name})
                line.is_second_try = True
            else:
                self._tell_failure(line, runner)
        self.dispatch()

    def _tell_failure(self, line: Line, runner: Runner) -> None:
        """Those hear of a failed load who asked for just that one. For the others one of their own may succeed."""
        for ticket in line.asking_for(runner.plan.options):
            if failure := runner.failure:
                self._refuse(ticket, failure)
        line.inherited, line.is_second_try, line.is_one_by_one = LoadOptions(), False, True

    def _refuse(self, ticket: Ticket, error: LoadFailed | ServerBusy) -> None:
        self._waiting.remove(ticket)
        if not ticket.turn.done():
            ticket.turn.set_exception(error)
