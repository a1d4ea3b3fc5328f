"""What must not run at every step of following: learning of reported counts, feeding mirrors.

It runs in a thread with its own opening of the archive, and only after something was written.
"""

from __future__ import annotations

from contextlib import closing, suppress
from threading import Event, Thread
from time import monotonic, time_ns
from typing import Final

from tachlog.config import Config
from tachlog.mirrors import follow as feed
from tachlog.pipeline import learn, setup_of
from tachlog.stores import PRIVATE, StoreError, open_store

LOOK_SECONDS: Final = 1.0
QUIET_SECONDS: Final = 20.0
"""Learning waits until nothing was written for so long …"""

BUSY_SECONDS: Final = 300.0
"""… but where it never is quiet, no longer than this."""

MIRROR_SECONDS: Final = 15.0
"""How often mirrors are fed at most."""


class Upkeep:
    """Learns and feeds mirrors now and then while an archive is written."""

    def __init__(self, archive: str, config: Config) -> None:
        self.notes: dict[str, str] = {}
        """What is wrong with mirrors, by name."""
        self._archive = archive
        self._config = config
        self._end = Event()
        self._written = Event()
        self._moved_at = monotonic()
        self._thread = Thread(target=self._run, name="tachlog-upkeep", daemon=True)

    def start(self) -> None:
        """Begin."""
        if self._archive != PRIVATE:
            self._written.set()
            self._thread.start()

    def moved(self) -> None:
        """Something was written."""
        self._moved_at = monotonic()
        self._written.set()

    def close(self) -> None:
        """End; a step that was begun is ended."""
        self._end.set()
        self._written.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        learned_at = fed_at = float("-inf")
        while not self._end.is_set():
            self._written.wait()
            if self._end.wait(LOOK_SECONDS):
                return
            self._written.clear()
            now = monotonic()
            quiet = now - self._moved_at >= QUIET_SECONDS
            if now - fed_at >= MIRROR_SECONDS:
                fed_at = now
                self._feed()
            if quiet or now - learned_at >= BUSY_SECONDS:
                learned_at = now
                self._learn()
            if not quiet:
                self._written.set()

    def _learn(self) -> None:
        with suppress(StoreError), closing(open_store(self._archive)) as store:
            learn(store, setup_of(self._config), self._config)

    def _feed(self) -> None:
        if not self._config.storage.mirrors:
            return
        with suppress(StoreError), closing(open_store(self._archive)) as store:
            fed = feed(store, self._config, time_ns() // 1000)
            self.notes = {one.name: one.fault for one in fed if one.fault is not None}
