"""The one writer of the service: what is to be written waits for its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final, NamedTuple, TypeVar

from tachlog.receive.bodies import Busy
from tachlog.service.readers import Place, place_of
from tachlog.stores import Store, open_store

T = TypeVar("T")

MOST_WAITING: Final = 32
"""Jobs that may wait; whoever comes then is told to come again."""


class _Job(NamedTuple):
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[Any]
    work: Callable[[Store], Any]


class Writer:
    """A thread that alone of this process writes into the archive."""

    def __init__(self, url: str, written: Callable[[], None]) -> None:
        self.url = url
        self._written = written
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting = 0
        self._thread = Thread(target=self._run, name="tachlog-writer", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[Store], T]) -> T:
        """What a job gives once it is done; raises `Busy` where too many wait, and `StoreError`."""
        if self._waiting >= MOST_WAITING:
            raise Busy
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        self._waiting += 1
        self._jobs.put(_Job(loop, done, work))
        try:
            return await done
        finally:
            self._waiting -= 1

    def _run(self) -> None:
        store: Store | None = None
        place: Place = None
        while (job := self._jobs.get()) is not None:
            try:
                now = place_of(self.url)
                if store is not None and now != place:
                    store.close()
                    store = None
                if store is None:
                    store, place = open_store(self.url), now
                self._tell(job.loop, job.done, job.work(store), None)
                job.loop.call_soon_threadsafe(self._written)
            except Exception as error:  # noqa: BLE001 - whoever gave the job is told
                self._tell(job.loop, job.done, None, error)
        if store is not None:
            store.close()

    @staticmethod
    def _tell(
        loop: asyncio.AbstractEventLoop,
        done: asyncio.Future[Any],
        result: Any,
        error: Exception | None,
    ) -> None:
        def tell() -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(result)
            else:
                done.set_exception(error)

        loop.call_soon_threadsafe(tell)

    async def close(self) -> None:
        """Do what waits, then let go of the archive."""
        self._jobs.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)
