"""A progress bar on stderr, drawn only on a terminal and only when it takes a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tachlog.cli.calling import Caller

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LEAST_BYTES = 8 << 20
"""A run of fewer bytes is over before a bar would be drawn."""


@contextmanager
def progress_bar(caller: Caller) -> Iterator[Callable[[int, int], None] | None]:
    """Give what is told of progress (bytes done, bytes in all); None where nobody watches."""
    if not caller.err.isatty():
        yield None
        return
    bar = _Bar(caller)
    try:
        yield bar.show
    finally:
        bar.stop()


class _Bar:
    """A progress bar that is made when there is enough to show."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._bar: tuple[Progress, TaskID] | None = None

    def show(self, done: int, total: int) -> None:
        """Show that so many of the bytes are read."""
        if self._bar is None:
            if total < LEAST_BYTES:
                return
            self._bar = self._made(total)
        bar, task = self._bar
        bar.update(task, completed=done)

    def _made(self, total: int) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        bar = Progress(
            TextColumn("reading logs"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(file=self._caller.err),
            transient=True,
        )
        task = bar.add_task("", total=total)
        bar.start()
        return bar, task

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar[0].stop()
