"""Reading on the workers of a Dask cluster (distributed 2026.8, checked 2026-11-23).

Workers read the paths themselves, so these must mean the same files there. What they give comes
back here and is written here, so a task that a lost worker had in hand is simply read again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Final

import msgspec

from tachlog.engines import EngineError, Reading, Setup, Task, rest_of
from tachlog.engines.local import bins_of
from tachlog.engines.work import prepare, read_bin, unread

INSTALL: Final = "install what speaks to a Dask cluster: pip install 'tachlog[dask]'"

FROZEN_AFTER: Final = "30 s"
"""So long may a worker of a cluster of our own be silent until others take its tasks."""

_decoder: Final = msgspec.msgpack.Decoder(list[Reading])
_setup_decoder: Final = msgspec.msgpack.Decoder(Setup)


def run(
    address: str | None, tasks: Sequence[Task], jobs: int | None, setup: Setup
) -> Iterator[list[Reading]]:
    """What every task gives, read by the cluster at `address` (`tcp://host:port`).

    None starts a cluster of `jobs` processes for this run. A bin whose workers died, more often
    than the scheduler allows, is read once more task by task, each alone: one that kills workers
    even then gives a portion that says so. Raises `EngineError` when the cluster is not installed,
    not there, or lost.
    """
    if not tasks:
        return
    try:
        dask, distributed = import_module("dask"), import_module("distributed")
    except ModuleNotFoundError as error:  # pragma: no cover - tests have every extra
        raise EngineError(INSTALL) from error
    with dask.config.set({"distributed.scheduler.worker-ttl": FROZEN_AFTER}):
        own = (
            None
            if address
            else distributed.LocalCluster(
                n_workers=jobs, threads_per_worker=1, dashboard_address=None, silence_logs=50
            )
        )
        try:
            try:
                client = distributed.Client(own or address, set_as_default=True)
            except OSError as error:
                raise EngineError(f"no Dask scheduler answers at {address}: {error}") from error
            try:
                yield from _on(client, deque(bins_of(tasks)), msgspec.msgpack.encode(setup))
            finally:
                client.close()
        finally:
            if own is not None:
                own.close()


def _on(client: Any, bins: deque[list[Task]], setup: bytes) -> Iterator[list[Reading]]:
    """What the bins give; of results, few more than there are workers are held at once."""
    distributed = import_module("distributed")
    cancelled = import_module("distributed.client").FutureCancelledError
    suspects: deque[Task] = deque()
    pending: dict[Any, list[Task]] = {}
    try:
        while bins or suspects or pending:
            most = 2 + sum(client.ncores().values()) if bins else 1
            while bins and len(pending) < most:
                tasks = bins.popleft()
                pending[client.submit(read_there, setup, tasks, pure=False)] = tasks
            alone = not pending
            if alone:
                tasks = [suspects.popleft()]
                pending[client.submit(read_there, setup, tasks, pure=False)] = tasks
            for future in distributed.wait([*pending], return_when="FIRST_COMPLETED").done:
                tasks = pending.pop(future)
                try:
                    readings = _decoder.decode(future.result())
                except distributed.KilledWorker:
                    if not alone:
                        suspects.extend(tasks)
                        continue
                    readings = [Reading(unread(tasks[0], "every worker that read it died"))]
                if rest := [rest_of(reading) for reading in readings if reading.more]:
                    bins.appendleft(rest)
                yield readings
    except (OSError, cancelled) as error:
        raise EngineError("the Dask scheduler is lost; the next run goes on from here") from error
    finally:
        client.cancel([*pending])


def read_there(setup: bytes, tasks: Iterable[Task]) -> bytes:
    """What the tasks of one bin give, on a worker."""
    prepare(_setup(setup))
    return read_bin(tasks)


@lru_cache(maxsize=1)
def _setup(encoded: bytes) -> Setup:
    return _setup_decoder.decode(encoded)
