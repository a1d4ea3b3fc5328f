"""Reading in worker processes of this machine."""

from __future__ import annotations

import multiprocessing
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Final

import msgspec

from tachlog.engines import Reading, Setup, Task, rest_of
from tachlog.engines.work import prepare, read_bin
from tachlog.sources import all_sources

_decoder: Final = msgspec.msgpack.Decoder(list[Reading])


def in_workers(bins: deque[list[Task]], jobs: int, setup: Setup) -> Iterator[list[Reading]]:
    """What the bins give; a few results are held at most.

    Bins that a crashed worker had in hand, and those behind them, are left in `bins`.
    """
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
                if rest := [rest_of(reading) for reading in readings if reading.more]:
                    bins.appendleft(rest)
                yield readings
    except BrokenProcessPool:
        bins.extendleft(pending.values())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _context() -> multiprocessing.context.BaseContext:
    """Fork starts fastest but copies locks that other threads hold: then, and elsewhere, spawn."""
    lone = threading.active_count() == 1
    return multiprocessing.get_context("fork" if lone and sys.platform == "linux" else "spawn")
