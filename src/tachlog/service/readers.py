"""Questions to the archive, each in a thread of its own with an opening of its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Lock
from typing import Final, TypeVar

from tachlog.stores import Store, StoreError, open_store, shown

T = TypeVar("T")

THREADS: Final = 4
"""Questions that are answered at once; others wait for their turn."""

Place = tuple[int, int] | None
"""The device and the inode of an archive that is a file."""


class Readers:
    """Openings of one archive for questions, each used by one thread at a time.

    An archive that is a file and was removed or replaced is not asked any more through openings of
    the former file: these would go on telling what nobody sees elsewhere.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._threads = ThreadPoolExecutor(THREADS, "tachlog-reader")
        self._lock = Lock()
        self._idle: list[tuple[Place, Store]] = []

    async def ask(self, question: Callable[[Store], T]) -> T:
        """The answer to a question; raises `StoreError` when the archive cannot be asked."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, question)

    def _ask(self, question: Callable[[Store], T]) -> T:
        place, store = self._taken()
        try:
            answer = question(store)
        except BaseException:
            with suppress(StoreError):
                store.close()
            raise
        with self._lock:
            self._idle.append((place, store))
        return answer

    def _taken(self) -> tuple[Place, Store]:
        """An opening of the archive as it is now."""
        place = place_of(self.url)
        while True:
            with self._lock:
                known = self._idle.pop() if self._idle else None
            if known is None:
                return place, open_store(self.url)
            if known[0] == place:
                return known
            known[1].close()

    def close(self) -> None:
        """Let go of the archive; questions that are being answered are waited for."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        for _, store in self._idle:
            store.close()


def place_of(url: str) -> Place:
    """Where an archive's file is, None for one on a server; raises `StoreError` when it is gone."""
    if "://" in url and not url.startswith("sqlite:///"):
        return None
    path = url.removeprefix("sqlite:///")
    try:
        status = os.stat(path)
    except OSError as error:
        told = "is gone; start again, or run tachlog analyze, which makes one"
        raise StoreError(f"{shown(path)}: the archive {told}") from error
    return status.st_dev, status.st_ino
