"""Where the reading runs: in this process, in worker processes, or on a cluster.

An engine takes bins of tasks and gives what `work.read` made of each, in any order. It holds a
bounded number of results; nothing is written here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from tachlog.analysis.complexity import DEFAULT, ComplexityFactors
from tachlog.mappings import Mapping
from tachlog.metrics.calibration import SHIPPED, Learned
from tachlog.stores import Portion, Progress


class Setup(Struct, frozen=True):
    """What reading needs of the configuration.

    The user's own patterns for errors and behaviours, the user's price file, names of projects by
    directory, thresholds of complexity, the user's own log formats, the URLs of SQL tables and of
    files on servers by the names that they have in the archive, which hold no password, and what
    the archive has learned of reported counts.
    """

    errors: dict[str, list[str]] = {}
    behaviors: dict[str, list[str]] = {}
    price_file: str | None = None
    projects: dict[str, str] = {}
    factors: ComplexityFactors = DEFAULT
    mappings: tuple[Mapping, ...] = ()
    addresses: dict[str, str] = {}
    learned: Learned = SHIPPED


class Task(Struct, frozen=True, array_like=True):
    """Read one file on from where its progress stands (None: it was never read).

    `size` is its size in bytes when it was listed, for balance and progress bars only. `again`
    reads it from its start in place of what it told; that gives no portion where it cannot be.
    Rows of a table that were created at most `overlap_s` before the last one are looked at again.
    """

    path: str
    progress: Progress | None
    size: int
    again: bool = False
    overlap_s: float = 0


class Reading(Struct, array_like=True):
    """What one task gave: a portion, or None when there is nothing new.

    `more` says that the file goes on behind the portion and should be read again from there.
    """

    portion: Portion | None
    more: bool = False


class Engine(Protocol):
    """Gives what `work.read` makes of every task, in any order, files read on to their end.

    It holds a bounded number of results and writes nothing. Raises `EngineError`.
    """

    def __call__(self, tasks: Sequence[Task], setup: Setup) -> Iterator[list[Reading]]:
        """Run the tasks."""


class EngineError(Exception):
    """An engine is not there, or is lost; what it gave before is kept, the next run goes on."""


def progress_after(portion: Portion) -> Progress:
    """The progress of a file once a portion is kept."""
    return Progress(
        portion.path,
        portion.source,
        portion.revision,
        portion.identity,
        portion.size,
        portion.mtime_ns,
        portion.offset,
        portion.tail_bytes,
        portion.state,
        portion.done,
    )


def rest_of(reading: Reading) -> Task:
    """The task that goes on behind a portion."""
    portion = reading.portion
    assert portion is not None, "only a portion can have more behind it"
    return Task(portion.path, progress_after(portion), 0)
