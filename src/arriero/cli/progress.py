"""How far a long step is, drawn for people and told in lines to everything else."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from arriero.store.progress import Progress

if TYPE_CHECKING:
    from rich.console import Group
    from rich.progress import TaskID
    from rich.spinner import Spinner


class ProgressBar:
    """A bar for each step that has a length, a line for each that has none. Nothing is drawn before the first."""

    def __init__(self) -> None:
        self._lines: _Lines | _Picture | None = None

    def __enter__(self) -> Self:
        """Nothing yet: most starts fetch nothing, and the library that draws takes a while to import."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the finished bars on the screen."""
        if self._lines is not None:
            self._lines.stop()

    def show(self, progress: Progress) -> None:
        """Draw how far a step is."""
        if self._lines is None:
            self._lines = _Picture() if is_drawable() else _Lines()
        self._lines.show(progress)


def is_drawable() -> bool:
    """Whether standard error is a terminal that can be drawn on."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """Show a spinner and a text for as long as something takes; nothing where there is no terminal."""
    if not is_drawable():
        yield
        return
    from rich.console import Console
    from rich.text import Text

    with Console(stderr=True).status(Text(text)):
        yield


class _Lines:
    """A line for each step, when it begins."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def show(self, progress: Progress) -> None:
        if progress.status not in self._told:
            click.echo(progress.status, err=True)
        self._told.add(progress.status)

    def stop(self) -> None:
        """Everything has been told."""


class _Picture:
    """Lines and bars in the order in which the steps began, a spinner beside the step that is under way."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
        from rich.progress import Progress as Bars

        self._step = ""
        self._spinner: Spinner | None = None
        self._done: list[str] = []
        self._tasks: dict[str, TaskID] = {}
        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
        console = Console(stderr=True)
        self._bars = Bars(TextColumn("{task.description}", markup=False), *columns, console=console)
        self._live = Live(get_renderable=self._drawn, console=console, refresh_per_second=10)
        self._live.start()

    def show(self, progress: Progress) -> None:
        status, total = progress.status, progress.total
        if total is None:
            self._begin(status)
            return
        if status not in self._tasks:
            self._begin("")
            self._tasks[status] = self._bars.add_task(status, total=total)
        self._bars.update(self._tasks[status], completed=progress.completed, total=total)

    def stop(self) -> None:
        self._begin("")
        self._live.stop()

    def _begin(self, step: str) -> None:
        """End the step that is under way: what comes before all bars scrolls away above them."""
        from rich.spinner import Spinner
        from rich.text import Text

        if step == self._step:
            return
        if self._step and not self._tasks:
            self._live.console.print(self._step, markup=False, highlight=False)
        elif self._step:
            self._done.append(self._step)
        self._step = step
        self._spinner = Spinner("dots", Text(step)) if step else None

    def _drawn(self) -> "Group":
        from rich.console import Group
        from rich.text import Text

        bars = self._bars.get_renderables() if self._tasks else ()
        return Group(*bars, *map(Text, self._done), *([self._spinner] if self._spinner else ()))
