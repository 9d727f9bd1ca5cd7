"""Fetches a model while a progress bar runs."""

import os
import sys
from types import TracebackType
from typing import Self

import click

from arriero.runners.memory import available_bytes
from arriero.store.fetch import Fetched, fetch
from arriero.store.layout import Layout
from arriero.store.progress import Progress

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
        self._tasks: dict[str, int] = {}

    def show(self, progress: Progress) -> None:
        if progress.status not in self._tasks:
            self._tasks[progress.status] = -1
            if progress.total is None or not self._is_terminal:
                click.echo(progress.status, err=True)
        if progress.total is None:
            return
        if self._tasks[progress.status] < 0:
            self._tasks[progress.status] = int(self._drawn.add_task(progress.status, total=progress.total))
        from rich.progress import TaskID

        self._drawn.update(TaskID(self._tasks[progress.status]), completed=progress.completed, total=progress.total)

    def stop(self) -> None:
        self._drawn.stop()
