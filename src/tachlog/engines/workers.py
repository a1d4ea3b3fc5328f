"""Reading in worker processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Final

import msgspec

from tachlog.engines import Reading, Setup, Task, rest_of
from tachlog.engines.work import preload, prepare, read_bin

_decoder: Final = msgspec.msgpack.Decoder(list[Reading])


def in_workers(bins: deque[list[Task]], jobs: int, setup: Setup) -> Iterator[list[Reading]]:
    """What the bins give; a few results are held at most.

    Bins that a crashed worker had in hand, and those behind them, are left in `bins`.
    """
    pending: dict[Future[bytes], list[Task]] = {}
    context = _context()
    if context.get_start_method() == "fork":
        preload()  # workers inherit what is loaded before they fork
    pool = ProcessPoolExecutor(jobs, context, begin, (setup,))
    try:
        while bins or pending:
            with _interrupts_held_back():
                while bins and len(pending) < jobs + 2:
                    future = pool.submit(read_bin, bins[0])
                    pending[future] = bins.popleft()
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


@contextmanager
def _interrupts_held_back() -> Iterator[None]:
    """Let Ctrl-C wait; processes and threads that are started meanwhile never see it.

    A worker that is interrupted while it takes a task from the queue keeps the queue locked, and
    everyone would wait for it forever.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin(setup: Setup) -> None:
    """Make a worker ready; it ends with its parent, however that ends."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    prepare(setup)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _context() -> multiprocessing.context.BaseContext:
    """Fork starts fastest but copies locks that other threads hold: then, and elsewhere, spawn."""
    lone = threading.active_count() == 1
    return multiprocessing.get_context("fork" if lone and sys.platform == "linux" else "spawn")
