"""Fetches a model while a progress bar runs."""

import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from arriero.runners.memory import available_bytes
from arriero.store.fetch import Fetched, fetch
from arriero.store.layout import Layout
from arriero.store.progress import Progress

if TYPE_CHECKING:
    from rich.progress import TaskID

# Of the free memory, what weights may take: context and buffers need the rest.
_WEIGHTS_SHARE = 0.75


def fetch_for_user(reference: str, layout: Layout) -> Fetched:
    """Have the model that a reference names on this machine, and tell the user how that goes. Raises ArrieroError."""
    with ProgressBar() as bar:
        return fetch(reference, layout, memory_bytes=int(available_bytes() * _WEIGHTS_SHARE), progress=bar.show)


class ProgressBar:
    """A bar for each step that has a length, a line for each that has none. Nothing is drawn before the first."""

    def __init__(self) -> None:
        self._bars: _Bars | None = None

    def __enter__(self) -> Self:
        """Nothing yet: most starts fetch nothing, and the library that draws takes a while to import."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the finished bars on the screen."""
        if self._bars is not None:
            self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Draw how far a step is."""
        if self._bars is None:
            self._bars = _Bars()
        self._bars.show(progress)


class _Bars:
    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as RichProgress

        console = Console(stderr=True)
        self._is_terminal = console.is_terminal and os.environ.get("TERM") != "dumb" and sys.stderr.isatty()
        self._drawn = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not self._is_terminal,
        )
        self._drawn.start()
        self._told: set[str] = set()
        self._tasks: dict[str, TaskID] = {}

    def show(self, progress: Progress) -> None:
        status, total = progress.status, progress.total
        if status not in self._told and (total is None or not self._is_terminal):
            click.echo(status, err=True)
        self._told.add(status)
        if total is None:
            return
        if status not in self._tasks:
            self._tasks[status] = self._drawn.add_task(status, total=total)
        self._drawn.update(self._tasks[status], completed=progress.completed, total=total)

    def stop(self) -> None:
        self._drawn.stop()
