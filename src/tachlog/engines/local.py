"""Reading in this process, or in worker processes of this machine."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from tachlog.engines import Reading, Setup, Task, rest_of
from tachlog.engines.work import prepare, read

BIN_BYTES: Final = 4 << 20
SMALL_BYTES: Final = 12 << 20
"""A run of fewer bytes is over before a second process would have started."""
FILE_BYTES: Final = 8 << 10
"""What opening a file and measuring a session cost, in bytes that are read meanwhile."""


def weight_of(task: Task) -> int:
    """How much work a task is, in bytes."""
    return task.size + FILE_BYTES


def bins_of(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Tasks in bins of about `BIN_BYTES`, large files first so that no worker ends alone."""
    bin_: list[Task] = []
    size = 0
    for task in sorted(tasks, key=lambda t: (-t.size, t.path)):
        bin_.append(task)
        size += weight_of(task)
        if size >= BIN_BYTES:
            yield bin_
            bin_, size = [], 0
    if bin_:
        yield bin_


def run(tasks: Sequence[Task], jobs: int | None, setup: Setup) -> Iterator[list[Reading]]:
    """What every task gives, bin by bin; files that go on are read on until their end.

    `jobs` None takes the number of processors; a small run, one of a single job, and what a crashed
    worker leaves behind stay in this process.
    """
    jobs = jobs or os.cpu_count() or 1
    bins = deque(bins_of(tasks))
    if jobs > 1 and sum(map(weight_of, tasks)) >= SMALL_BYTES:
        from tachlog.engines.workers import in_workers

        yield from in_workers(bins, jobs, setup)
    if bins:
        prepare(setup)
        yield from _here(bins)


def _here(bins: deque[list[Task]]) -> Iterator[list[Reading]]:
    while bins:
        tasks = bins.popleft()
        while tasks:
            readings = [read(task) for task in tasks]
            yield readings
            tasks = [rest_of(reading) for reading in readings if reading.more]
