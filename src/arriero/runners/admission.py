"""Those who wait for a model, in the order in which they came, and whose turn it is."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from arriero.engines.base import Plan
from arriero.errors import ServerBusy
from arriero.runners.reloading import merge_options, reload_options
from arriero.types.loading import Demand, LoadOptions
from arriero.types.models import ModelRecord

if TYPE_CHECKING:
    from arriero.runners.runner import Runner


# What a runner has loaded: two names of the same files share it.
Files = tuple[Path | str, Path | None, tuple[Path, ...], str, str]


def files_of(record: ModelRecord) -> Files:
    """All that is loaded of a model, and the chat template that its engine is started with."""
    weights = record.weights or record.reference
    return weights, record.projector, record.adapters, record.chat_template, record.instance


@dataclass(frozen=True, slots=True, eq=False)
class Ticket:
    """One who waits. number: they are given out in order. turn: the runner, once it may be used; it counts the user."""

    number: int
    record: ModelRecord
    demand: Demand
    takes_slot: bool
    turn: "asyncio.Future[Runner]"


@dataclass(slots=True)
class Line:
    """Those who wait for one model.

    inherited: how the model must be loaded besides what they want, after a reload. is_second_try: the first load has
    failed for lack of memory. is_one_by_one: one that was to serve all has failed, and any of them may be the cause.
    """

    tickets: dict[int, Ticket] = field(default_factory=dict)
    inherited: LoadOptions = field(default_factory=LoadOptions)
    is_second_try: bool = False
    is_one_by_one: bool = False

    @property
    def first(self) -> Ticket:
        """Who has waited longest."""
        return next(iter(self.tickets.values()))

    def options(self) -> LoadOptions:
        """How the model is to be loaded to serve them all, or the first of them."""
        served = [self.first] if self.is_one_by_one else self.tickets.values()
        return merge_options([*(ticket.demand.options for ticket in served), self.inherited])

    def asking_for(self, options: LoadOptions) -> list[Ticket]:
        """Those who, had they been alone, would have had the model loaded just so."""
        tickets = self.tickets.values()
        return [each for each in tickets if merge_options([each.demand.options, self.inherited]) == options]


class WaitingRoom:
    """The lines of all models, with one limit on how many wait in all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lines: dict[Files, Line] = {}
        self._count = 0

    def add(self, ticket: Ticket) -> None:
        """Queue it. Raises ServerBusy where too many wait already."""
        if self._count >= self._most:
            raise ServerBusy("server busy, please try again.  maximum pending requests exceeded")
        self._lines.setdefault(files_of(ticket.record), Line()).tickets[ticket.number] = ticket
        self._count += 1

    def remove(self, ticket: Ticket) -> None:
        """Take it out, if it still waits."""
        line = self._lines.get(files_of(ticket.record))
        if line is None or line.tickets.pop(ticket.number, None) is None:
            return
        self._count -= 1
        if not line.tickets:
            del self._lines[files_of(ticket.record)]

    def line(self, files: Files) -> Line | None:
        """Those who wait for a model; None where there are none."""
        return self._lines.get(files)

    def lines(self) -> list[tuple[Files, Line]]:
        """All lines, that of who has waited longest first."""
        return sorted(self._lines.items(), key=lambda item: item[1].first.number)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Ticket]:
        return iter([ticket for line in self._lines.values() for ticket in line.tickets.values()])


@dataclass(frozen=True, slots=True)
class Turns:
    """Whose turn it is now; and how to load the model anew for who comes next, as soon as nobody uses it."""

    granted: tuple[Ticket, ...]
    reload: LoadOptions | None = None


def next_turns(line: Line, plan: Plan, free_slots: int, closed_from: float) -> Turns:
    """Give out free slots in the order of the line. Pure.

    Who needs no slot passes those who wait for one. Nobody passes who needs the model loaded differently: with that
    he would never get it. closed_from: who has this number or a higher one must wait, for another model comes first.
    """
    granted: list[Ticket] = []
    waiting = list(line.tickets.values())
    for place, ticket in enumerate(waiting):
        if ticket.number >= closed_from:
            break
        trained = ticket.record.architecture.trained_context
        if reload_options(plan, ticket.demand.options, trained) is not None:
            wanted = merge_options(other.demand.options for other in waiting[place:])
            return Turns(tuple(granted), reload_options(plan, wanted, trained))
        if ticket.takes_slot:
            if not free_slots:
                continue
            free_slots -= 1
        granted.append(ticket)
    return Turns(tuple(granted))
