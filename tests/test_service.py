"""The parts of the service by themselves: its writer, its jobs, its inbox."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from tachlog.analysis.selection import Selection
from tachlog.api import analyze
from tachlog.config import Loaded, load
from tachlog.engines import Setup
from tachlog.engines.work import measurer_of
from tachlog.receive.bodies import Busy
from tachlog.receive.inbox import MOST_BYTES, Inbox
from tachlog.service.jobs import JOBS, Job, Jobs, Moment
from tachlog.service.readers import Readers, place_of
from tachlog.service.writer import MOST_WAITING, Writer
from tachlog.stores import StoreError, open_store

CASE = Path(__file__).parent / "corpus" / "gemini_cli"
LOADED = load({"HOME": "/nowhere", "TACHLOG_STORAGE__RETENTION_DAYS": "100000"})
NOW_US = 1_795_000_000_000_000


@pytest.fixture
def archive(tmp_path: Path) -> str:
    """Give an archive with a few sessions."""
    url = str(tmp_path / "archive.db")
    analyze(CASE, archive=url, jobs=1)
    return url


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.01)


def test_the_writer_takes_only_so_much(archive: str) -> None:
    """Jobs wait in order, up to a bound; a fault of one is told to whoever gave it."""
    free = Event()

    async def check() -> None:
        written: list[int] = []
        writer = Writer(archive, lambda: written.append(1))
        held = asyncio.create_task(writer.run(lambda store: free.wait()))
        waiting = [
            asyncio.create_task(writer.run(lambda store: store.count()))
            for _ in range(MOST_WAITING - 1)
        ]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await writer.run(lambda store: None)
        waiting[0].cancel()
        free.set()
        await held
        assert min(await asyncio.gather(*waiting[1:])) > 0
        with pytest.raises(ZeroDivisionError):
            await writer.run(lambda store: 1 // 0)
        assert await writer.run(lambda store: 7) == 7
        await writer.close()
        assert written

    asyncio.run(check())


def test_questions_go_on_after_a_fault(archive: str) -> None:
    """An opening that failed is not used again; the others are."""

    async def check() -> None:
        readers = Readers(archive)
        with pytest.raises(sqlite3.ProgrammingError):
            await readers.ask(lambda store: store.close() or _raise())
        assert await readers.ask(lambda store: store.count()) > 0
        readers.close()

    asyncio.run(check())
    assert place_of("postgresql://ana@db/tachlog") is None
    with pytest.raises(StoreError, match="is gone"):
        place_of("/nowhere/archive.db")


def _raise() -> None:
    raise sqlite3.ProgrammingError("closed")


def test_jobs_are_done_again_and_rest_while_nothing_changes(archive: str) -> None:
    """A job that fails is told until it works; one that wants changes waits for one."""
    done: list[str] = []

    def shaky(moment: Moment) -> str:
        done.append("shaky")
        if len(done) < 3:
            raise StoreError("the disk is full")
        return "mended"

    def idle(moment: Moment) -> None:
        done.append("idle")

    async def check() -> None:
        jobs = Jobs(
            archive,
            lambda store: Moment(store, LOADED, measurer_of(Setup()), NOW_US, lambda: NOW_US),
        )
        jobs.start((Job("shaky", 0.01, shaky), Job("idle", 0.01, idle, if_changed=True)))
        await until(lambda: jobs.faults == {"shaky": "the disk is full"})
        await until(lambda: done.count("shaky") > 5 and not jobs.faults)
        await jobs.stop()
        assert done.count("idle") == 1

    asyncio.run(check())


def test_the_usual_jobs_do_their_work(archive: str) -> None:
    """Learning, alerts and mirrors run over any archive, and change no session."""
    store = open_store(archive)
    before = store.sessions(Selection())
    for job in JOBS:
        job.work(Moment(store, LOADED, measurer_of(Setup()), NOW_US, lambda: NOW_US))
    assert store.sessions(Selection()) == before
    store.close()


def test_the_daily_job_deletes_only_what_it_was_asked_to(archive: str) -> None:
    """It says what it would delete once, as long as nobody set how long; then it does, and says."""
    later_us = 2_000_000_000_000_000
    said = []

    async def check(loaded: Loaded, told: str) -> None:
        jobs = Jobs(
            archive,
            lambda store: Moment(store, loaded, measurer_of(Setup()), later_us, lambda: later_us),
        )
        (job,) = (job for job in JOBS if job.name == "retention")
        jobs.start((job._replace(every_s=0.01, first_s=0.01),))
        await until(lambda: told in jobs.told.get("retention", ""))
        await jobs.stop()
        said.append(jobs.told["retention"])

    def left() -> int:
        with closing(open_store(archive)) as store:
            return sum(store.past.old(later_us).operations.values())

    count = left()
    assert count > 50
    asyncio.run(check(load({"HOME": "/nowhere"}), "nothing was deleted: "))
    assert f"{count} operations are from before 2033-02-1" in said[0]
    assert "(storage.retention_days or storage.max_size or storage.history_days)" in said[0]
    assert left() == count
    days = load({"HOME": "/nowhere", "TACHLOG_STORAGE__RETENTION_DAYS": "90"})
    asyncio.run(check(days, f"{count} operations from before 2033-02-1"))
    assert "were deleted (storage.retention_days)" in said[1]
    assert left() == 0


def test_the_inbox_holds_only_so_much() -> None:
    """Beyond the bound senders are told to come again, until something is let go."""

    async def nothing(_: object) -> Awaitable[None]:
        raise AssertionError("nothing is taken")

    async def check() -> None:
        inbox = Inbox(Setup(), nothing, nothing)  # type: ignore[arg-type]
        inbox.hold(MOST_BYTES)
        with pytest.raises(Busy):
            inbox.hold(1)
        inbox.release(1)
        inbox.hold(1)
        await inbox.close()

    asyncio.run(check())
