"""What runs while tachlog serves: the archive's readers and writer, and what feeds it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from time import monotonic, time_ns
from typing import Final, TypeVar, cast

from msgspec import Struct

from tachlog.config import Config, ConfigError, Loaded
from tachlog.engines.work import measurer_of
from tachlog.pipeline import setup_of
from tachlog.pricing import PriceFileError
from tachlog.receive.inbox import Inbox
from tachlog.receive.reading import Part
from tachlog.service.changes import Changes
from tachlog.service.following import Following
from tachlog.service.jobs import Jobs, Moment
from tachlog.service.readers import Place, Readers, place_of
from tachlog.service.writer import Writer
from tachlog.stores import Measure, Portion, Progress, Store, StoreError, open_store
from tachlog.stores.people import Token, User

T = TypeVar("T")
P = TypeVar("P", Token, User)

LOOK_S: Final = 2.0
"""How often it is looked whether the archive is still the same."""

PEOPLE_S: Final = 3.0
"""How long a token or user is let in without a look whether that still holds."""

MOST_PEOPLE: Final = 1000

log = logging.getLogger("tachlog.service")


def now_us() -> int:
    """The time, in µs since the epoch."""
    return time_ns() // 1000


class Check(Struct, frozen=True):
    """Whether one part of the service does its work; `detail` says what it does, or what fails."""

    name: str
    ok: bool
    detail: str


class Service:
    """One running tachlog: it owns the configuration and every way to the archive.

    `load` gives the configuration, again when the service is told to reload. Its methods belong to
    one event loop, which nothing here keeps waiting: the archive is asked and written in threads.
    """

    def __init__(
        self,
        load: Callable[[], Loaded],
        environ: Mapping[str, str],
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._load = load
        self.clock = clock
        self.loaded = load()
        self.generation = 0
        """How often answers became stale: the configuration was loaded, alerts were taken on."""
        self.readers = Readers(self.config.storage.url)
        self.changes = Changes(lambda: self.ask(lambda store: store.last_change()))
        self._lately: dict[str, tuple[float, Token | User | None]] = {}
        url = self.config.storage.url
        self.writer = Writer(url, self.changes.poke)
        self.following = Following(url, environ, self.changes.poke)
        self.jobs = Jobs(url, self._moment)
        self._measure: Measure = measurer_of(setup_of(self.config))
        self.inbox = Inbox(setup_of(self.config), self._keep, self._known)

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.loaded.config

    async def start(self) -> None:
        """Make or open the archive and start what feeds it; raises `StoreError`."""
        open_store(self.config.storage.url).close()
        self._minding = asyncio.create_task(self._mind_the_archive())
        if self.config.serve.follow:
            self.following.start(self.config)
        self.jobs.start()

    async def _mind_the_archive(self) -> None:
        """Follow into the archive that is there: one whose file was replaced is another."""
        place = self._place()
        while True:
            await asyncio.sleep(LOOK_S)
            now = self._place()
            if now is not None and now != place:
                log.warning("the archive was replaced")
                place = now
                self.changes.poke()
                if self.config.serve.follow:
                    await self.following.restart(self.config)

    def _place(self) -> Place:
        with suppress(StoreError):
            return place_of(self.config.storage.url)
        return None

    def _moment(self, store: Store) -> Moment:
        return Moment(store, self.loaded, self._measure, self.clock(), self.clock)

    async def stop(self) -> None:
        """End in order: what feeds the archive, who writes it, then who reads it."""
        self._minding.cancel()
        await asyncio.gather(self.following.stop(), self.jobs.stop(), self.inbox.close())
        await self.writer.close()
        await self.changes.end()
        self.readers.close()

    def stopping(self) -> None:
        """The service is about to stop: let those go who would wait forever."""
        self.changes.close()

    async def reload(self) -> None:
        """Take up the configuration as it is now; one that cannot be used changes nothing."""
        try:
            loaded = self._load()
            measure = measurer_of(setup_of(loaded.config))
        except (ConfigError, PriceFileError, OSError) as error:
            log.error("the configuration was not taken up: %s", error)
            return
        self.loaded, config = loaded, loaded.config
        self.generation += 1
        if config.storage.url != self.readers.url:
            log.warning("another archive is served after a restart: storage.url has changed")
        self._measure = measure
        self.inbox.use(setup_of(config))
        await self.following.stop()
        if config.serve.follow:
            await self.following.restart(config)
        log.info("the configuration was read again")

    async def ask(self, question: Callable[[Store], T]) -> T:
        """The answer of the archive to a question, which runs in a thread; raises `StoreError`."""
        return await self.readers.ask(question)

    async def token(self, digest: str) -> Token | None:
        """The token with this digest, as it was within the last seconds; raises `StoreError`."""
        return await self._of_late(f"token {digest}", lambda store: store.people.token(digest))

    async def user(self, user_id: str) -> User | None:
        """The user with this id, as they were within the last seconds; raises `StoreError`."""
        return await self._of_late(f"user {user_id}", lambda store: store.people.user_of(user_id))

    def forget_people(self) -> None:
        """Look again who may do what: somebody was changed."""
        self._lately.clear()

    async def _of_late(self, key: str, question: Callable[[Store], P | None]) -> P | None:
        now_s = monotonic()
        known = self._lately.get(key)
        if known is not None and now_s - known[0] < PEOPLE_S:
            return cast("P | None", known[1])
        found = await self.ask(question)
        if len(self._lately) >= MOST_PEOPLE:
            self._lately.clear()
        self._lately[key] = (now_s, found)
        return found

    async def _keep(self, parts: Sequence[Part]) -> list[Portion]:
        return await self.writer.run(
            lambda store: store.write([part.whole() for part in parts], self._measure)
        )

    async def _known(self, path: str) -> Progress | None:
        known = await self.ask(lambda store: store.progress([path]))
        return known.get(path)

    async def checks(self) -> list[Check]:
        """Whether each part does its work."""
        found = [await self._archive()]
        if self.config.serve.follow:
            found.append(Check("following", *self.following.state()))
        found.append(Check("receiving", True, f"{self.inbox.held} bytes waiting"))
        faults = self.jobs.faults
        told = "; ".join(f"{name}: {what}" for name, what in (faults or self.jobs.told).items())
        return [*found, Check("jobs", not faults, told or "in time")]

    async def _archive(self) -> Check:
        try:
            change = await self.ask(lambda store: store.last_change())
        except StoreError as error:
            return Check("archive", False, str(error))
        return Check("archive", True, f"change {change}")
