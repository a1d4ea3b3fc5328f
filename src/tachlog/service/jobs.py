"""What the service does now and then, beside following and answering."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from tachlog import retention
from tachlog.analysis.units import rfc3339
from tachlog.config import Config, Loaded
from tachlog.stores import Measure, Store, StoreError, open_store

log = logging.getLogger("tachlog.service")


class Moment(NamedTuple):
    """What a job may know: an opening of the archive of its own, the configuration, the time.

    `now_us` is when the job began, `clock` goes on.
    """

    store: Store
    loaded: Loaded
    measure: Measure
    now_us: int
    clock: Callable[[], int]

    @property
    def config(self) -> Config:
        """The configuration in force."""
        return self.loaded.config


class Declined(str):
    """Why a job did not do its work: a service logs it once."""


class Job(NamedTuple):
    """Work that is done every so often, in a thread; it tells what it did, None for nothing.

    With `if_changed` it rests while the archive does not change; `first_s` is when it is done first
    (None: after its span). What one with `is_told` did last is told by the service's checks.
    """

    name: str
    every_s: float
    work: Callable[[Moment], str | None]
    if_changed: bool = False
    first_s: float | None = None
    is_told: bool = False


def learn(moment: Moment) -> None:
    """Let the archive learn of the counts that were reported since."""
    moment.store.learn(moment.measure, learns=moment.config.estimates.factors == "learned")


def feed_mirrors(moment: Moment) -> str | None:
    """Bring mirrors up to date."""
    if not moment.config.storage.mirrors:
        return None
    from tachlog.mirrors import follow

    found = follow(moment.store, moment.config, moment.now_us)
    if faults := [each.fault for each in found if each.fault is not None]:
        raise StoreError("; ".join(faults))
    return ", ".join(f"{each.name}: {each.threads} threads" for each in found) or None


def alerts(moment: Moment) -> str | None:
    """Ask the rules in force, and keep what comes of it."""
    from tachlog.notify.evaluating import evaluate_rules, rules_in_force

    zone = ZoneInfo(moment.config.display.time_zone)
    found = evaluate_rules(moment.store, rules_in_force(moment.config), zone, moment.now_us)
    return f"{len(found)} changed" if found else None


def advise(moment: Moment) -> str | None:
    """Make the advice anew that pages show."""
    from tachlog.analysis.advice.keeping import renew

    return "made anew" if renew(moment.store, moment.now_us) else None


def prune(moment: Moment) -> str | None:
    """Delete operations that are older than the person wants them kept.

    As long as nobody has said how long, it says what it would delete and which key to set.
    """
    plan = retention.planned(moment.store, moment.config, moment.now_us)
    if plan.is_empty:
        return None
    before = rfc3339(plan.cut.cut_us)
    if not retention.is_asked_for(moment.loaded):
        return Declined(
            f"nothing was deleted: {plan.operations} operations are from before {before}, and how"
            f" long they stay is not set ({' or '.join(retention.KEYS)})"
        )
    done = retention.prune(moment.store, plan, moment.measure)
    what = f"{done.operations} operations from before {before} were deleted ({plan.cut.rule})"
    if plan.history is not None and done.sessions:
        ended = rfc3339(plan.history.cut_us)
        what += f", {done.sessions} sessions that ended before {ended} ({plan.history.rule})"
    return f"{what}; {done.bytes} bytes, before {plan.bytes}"


def notify(moment: Moment) -> str | None:
    """Tell the channels what is due."""
    channels = moment.config.channels
    if not channels:
        return None
    from tachlog.notify.sending import deliver

    zone = ZoneInfo(moment.config.display.time_zone)
    found = deliver(moment.store, channels, zone, moment.clock)
    for each in found:
        if each.fault is not None:
            log.warning("channel %s: %s: %s", each.channel, each.rule, each.fault)
    return f"{sum(each.fault is None for each in found)} sent" if found else None


def report(moment: Moment) -> str | None:
    """Send the weekly report when it is due."""
    if not moment.config.report.schedule:
        return None
    from tachlog.notify.weekly import deliver_report

    found = deliver_report(moment.store, moment.config, moment.clock)
    for each in found:
        if each.fault is not None:
            log.warning("channel %s: %s: %s", each.channel, each.rule, each.fault)
    return f"{sum(each.fault is None for each in found)} sent" if found else None


DAY_S: Final = 86_400.0

JOBS: tuple[Job, ...] = (
    Job("retention", DAY_S, prune, first_s=600, is_told=True),
    Job("alerts", 60, alerts),
    Job("channels", 10, notify),
    Job("report", 60, report),
    Job("learning", 60, learn, if_changed=True),
    Job("advice", 60, advise, first_s=5),
    Job("mirrors", 15, feed_mirrors, if_changed=True),
)


class Jobs:
    """Runs each job by itself; one that fails is told and done again when its time comes."""

    def __init__(self, url: str, moment: Callable[[Store], Moment]) -> None:
        self._url = url
        self._moment = moment
        self._running: list[asyncio.Task[None]] = []
        self.faults: dict[str, str] = {}
        self.told: dict[str, str] = {}
        """What jobs did last of which the checks tell."""

    def start(self, jobs: tuple[Job, ...] = JOBS) -> None:
        """Begin; the first time of each comes after its span."""
        self._running = [asyncio.create_task(self._repeat(job)) for job in jobs]

    async def _repeat(self, job: Job) -> None:
        last: int | None = None
        pause = job.every_s if job.first_s is None else job.first_s
        while True:
            await asyncio.sleep(pause)
            pause = job.every_s
            begun = monotonic()
            try:
                last, told = await asyncio.to_thread(self._once, job, last)
            except (StoreError, OSError, ValueError) as error:
                self.faults[job.name] = str(error)
                log.error("%s: %s", job.name, error)
                continue
            self.faults.pop(job.name, None)
            is_new = not (isinstance(told, Declined) and job.name in self.told)
            if told and job.is_told:
                self.told[job.name] = told
            if told and is_new:
                log.info("%s: %s (%.1f s)", job.name, told, monotonic() - begun)

    def _once(self, job: Job, last: int | None) -> tuple[int, str | None]:
        """Do a job once; gives the change of the archive that it saw, and what it did."""
        store = open_store(self._url)
        try:
            change = store.last_change()
            if job.if_changed and change == last:
                return change, None
            return change, job.work(self._moment(store))
        finally:
            store.close()

    async def stop(self) -> None:
        """Begin nothing more; a job that is at work is left to its thread."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
