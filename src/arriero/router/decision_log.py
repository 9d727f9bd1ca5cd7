"""Writes down what is decided, without making anybody wait for it."""

import asyncio
import atexit
import itertools
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from arriero.router.decision_database import DecisionDatabase
from arriero.router.decision_rows import DecisionRow, Outcome
from arriero.router.pairs import Pair

logger = logging.getLogger(__name__)

# What comes within this time is written in one go.
_GATHER_S = 0.25
_CLOSE_S = 5.0
_PRUNE_EVERY_S = 3600.0
_PRUNE_EVERY_ENTRIES = 5_000
# Decisions whose outcome is awaited; of older ones it is not told any more.
_MOST_UNFINISHED = 10_000
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is kept, and how long.

    keeps_prompts_of: routers whose prompts are kept, and not only their hashes. keep_days, max_bytes: what is older,
    and the oldest beyond that size, is removed. busy_timeout_s: how long another process that writes is waited for.
    most_waiting: entries that may wait to be written; further ones are lost.
    """

    keeps_prompts_of: frozenset[str] = frozenset()
    keep_days: float = 30.0
    max_bytes: int = 100 << 20
    busy_timeout_s: float = 2.0
    most_waiting: int = 10_000


@dataclass(frozen=True, slots=True)
class _Decided:
    id: int
    row: DecisionRow


@dataclass(frozen=True, slots=True)
class _Ended:
    id: int
    outcome: Outcome


_Entry = _Decided | _Ended | Pair


class DecisionLog:
    """Takes decisions from any thread at once, and has a thread of its own write them down, some at a time.

    What cannot be written is lost, and said once in the program's log: no request fails for it, or waits. Raises
    ConfigError where a newer version has made the file. ``clock_s``: seconds since 1970.
    """

    def __init__(
        self, path: Path, settings: LogSettings = LogSettings(), clock_s: Callable[[], float] = time.time
    ) -> None:
        self._settings = settings
        self._ids = itertools.count(1)
        self._waiting: queue.SimpleQueue[_Entry | None] = queue.SimpleQueue()
        self._closing = threading.Event()
        self._refused = 0
        self._writer = _Writer(path, settings, clock_s)
        self._writer.open()
        self._thread = threading.Thread(target=self._work, name="decision-log", daemon=True)
        self._thread.start()
        # A script that ends without a word wants its last decisions written down, too.
        atexit.register(self.close)

    @property
    def dropped(self) -> int:
        """How many decisions, outcomes and pairs have been lost."""
        return self._refused + self._writer.lost

    def write(self, row: DecisionRow) -> int:
        """Have a decision written down; what to call it by in ``finish``. Never blocks."""
        number = next(self._ids)
        self._put(_Decided(number, row))
        return number

    def finish(self, number: int, outcome: Outcome) -> None:
        """Have it written down what became of a decision. Never blocks."""
        self._put(_Ended(number, outcome))

    def write_pair(self, pair: Pair) -> None:
        """Have two answers to one request written down. Never blocks."""
        self._put(pair)

    async def aclose(self) -> None:
        """Write what waits, for some seconds at most. What comes later is lost."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """The same for callers without an event loop. Blocks."""
        atexit.unregister(self.close)
        self._closing.set()
        self._waiting.put(None)
        self._thread.join(_CLOSE_S)

    def _put(self, entry: _Entry) -> None:
        if not self._closing.is_set() and self._waiting.qsize() < self._settings.most_waiting:
            self._waiting.put(entry)
            return
        if self._refused == 0:
            logger.warning("decisions are lost: too many wait to be written down, or the log is closed")
        self._refused += 1

    def _work(self) -> None:
        try:
            is_over = False
            while not is_over:
                found = self._gather()
                is_over = None in found
                self._writer.write([entry for entry in found if entry is not None])
        except Exception:
            self._closing.set()
            logger.exception("decisions are not written down any more")
        finally:
            self._writer.close()

    def _gather(self) -> list[_Entry | None]:
        found: list[_Entry | None] = []
        with suppress(queue.Empty):
            found.append(self._waiting.get(timeout=_PRUNE_EVERY_S))
            self._closing.wait(_GATHER_S)
            while True:
                found.append(self._waiting.get_nowait())
        return found


class _Writer:
    """The thread's side: the database, opened anew after each failure, and what is known of it. lost: entries."""

    def __init__(self, path: Path, settings: LogSettings, clock_s: Callable[[], float]) -> None:
        self.lost = 0
        self._path = path
        self._settings = settings
        self._clock_s = clock_s
        self._database: DecisionDatabase | None = None
        self._is_failing = False
        # The numbers of decisions in the table, by those that the log has given them.
        self._unfinished: dict[int, int] = {}
        self._pruned_at_s = 0.0
        self._entries_since = 0

    def open(self) -> None:
        """Open the database where that is possible. Raises ConfigError where a newer version has made it."""
        try:
            self._opened()
        except (sqlite3.Error, OSError) as error:
            self._fail((), error)

    def write(self, entries: Sequence[_Entry]) -> None:
        """Write entries, all or none of them, and remove what is too old."""
        unwritten = entries
        try:
            database = self._opened()
            with database.transaction():
                for entry in entries:
                    self._write_one(database, entry)
            unwritten = ()
            self._prune(database, len(entries))
        except (sqlite3.Error, OSError) as error:
            self._fail(unwritten, error)
        else:
            self._is_failing = False

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()

    def _opened(self) -> DecisionDatabase:
        if self._database is None:
            settings = self._settings
            self._database = DecisionDatabase(
                self._path, keeps_prompts_of=settings.keeps_prompts_of, busy_timeout_s=settings.busy_timeout_s
            )
        return self._database

    def _write_one(self, database: DecisionDatabase, entry: _Entry) -> None:
        match entry:
            case _Decided(number, row):
                self._unfinished[number] = database.insert(row)
                if len(self._unfinished) > _MOST_UNFINISHED:
                    del self._unfinished[next(iter(self._unfinished))]
            case _Ended(number, outcome):
                if (in_table := self._unfinished.pop(number, None)) is not None:
                    database.finish(in_table, outcome)
            case Pair():
                database.insert_pair(entry)

    def _prune(self, database: DecisionDatabase, new_entries: int) -> None:
        now_s = self._clock_s()
        self._entries_since += new_entries
        if now_s - self._pruned_at_s >= _PRUNE_EVERY_S or self._entries_since >= _PRUNE_EVERY_ENTRIES:
            self._pruned_at_s, self._entries_since = now_s, 0
            database.prune(now_s - self._settings.keep_days * _DAY_S, self._settings.max_bytes)

    def _fail(self, entries: Sequence[_Entry], error: Exception) -> None:
        self.lost += len(entries)
        for entry in entries:
            if isinstance(entry, _Decided):
                self._unfinished.pop(entry.id, None)
        if self._database is not None:
            self._database.close()
            self._database = None
        if not self._is_failing:
            facts = {"path": str(self._path), "error": str(error)}
            logger.warning("decisions cannot be written down", extra=facts)
        self._is_failing = True
