"""Reading in this process, or in worker processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Final

import msgspec

from tachlog.engines import Reading, Setup, Task, progress_after
from tachlog.engines.work import prepare, read, read_bin
from tachlog.sources import all_sources

BIN_BYTES: Final = 4 << 20
SMALL_BYTES: Final = 12 << 20
"""A run of fewer bytes is over before a second process would have started."""

_decoder: Final = msgspec.msgpack.Decoder(list[Reading])


def bins_of(tasks: Sequence[Task]) -> Iterator[list[Task]]:
    """Tasks in bins of about `BIN_BYTES`, large files first so that no worker ends alone."""
    bin_: list[Task] = []
    size = 0
    for task in sorted(tasks, key=lambda t: (-t.size, t.path)):
        bin_.append(task)
        size += task.size
        if size >= BIN_BYTES:
            yield bin_
            bin_, size = [], 0
    if bin_:
        yield bin_


def run(tasks: Sequence[Task], jobs: int | None, setup: Setup) -> Iterator[list[Reading]]:
    """What every task gives, bin by bin; files that go on are read on until their end.

    `jobs` None takes the number of processors; a small run, or one of a single job, stays in this
    process.
    """
    jobs = jobs or os.cpu_count() or 1
    bins = deque(bins_of(tasks))
    if jobs == 1 or sum(task.size for task in tasks) < SMALL_BYTES:
        prepare(setup)
        yield from _here(bins)
    else:
        yield from _in_workers(bins, jobs, setup)


def _here(bins: deque[list[Task]]) -> Iterator[list[Reading]]:
    while bins:
        for task in bins.popleft():
            reading = read(task)
            while True:
                yield [reading]
                if not reading.more:
                    break
                reading = read(_rest(reading))


def _rest(reading: Reading) -> Task:
    portion = reading.portion
    assert portion is not None, "only a portion can have more behind it"
    return Task(portion.path, progress_after(portion), 0)


def _in_workers(bins: deque[list[Task]], jobs: int, setup: Setup) -> Iterator[list[Reading]]:
    """A few results are held at most; what a crashed worker had in hand is read here instead."""
    pending: dict[Future[bytes], list[Task]] = {}
    context = _context()
    if context.get_start_method() == "fork":
        all_sources()  # imported once: workers inherit what is loaded before they fork
    pool = ProcessPoolExecutor(jobs, context, prepare, (setup,))
    try:
        while bins or pending:
            while bins and len(pending) < jobs + 2:
                tasks = bins.popleft()
                pending[pool.submit(read_bin, tasks)] = tasks
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                readings = _decoder.decode(future.result())
                del pending[future]
                rest = [_rest(reading) for reading in readings if reading.more]
                if rest:
                    bins.appendleft(rest)
                yield readings
    except BrokenProcessPool:
        bins.extendleft(pending.values())
        prepare(setup)
        yield from _here(bins)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _context() -> multiprocessing.context.BaseContext:
    """Fork starts fastest but copies locks that other threads hold: then, and elsewhere, spawn."""
    lone = threading.active_count() == 1
    return multiprocessing.get_context("fork" if lone and sys.platform == "linux" else "spawn")
