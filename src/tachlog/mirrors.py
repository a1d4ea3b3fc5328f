"""Mirrors follow the archive: each from its own cursor, in order, a bounded step at a time.

A mirror that cannot be reached costs one short time-out and is told; it goes on where it was when
it is back. Points have a fixed place, so that what is written twice is there once.
"""

from __future__ import annotations

from contextlib import closing
from time import monotonic
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from tachlog.config import Config
from tachlog.stores import Store, shown
from tachlog.stores.downsampling import Keeping, prepare, settle
from tachlog.stores.following import Change, Lag, MirrorState
from tachlog.stores.influxdb import InfluxMirror, MirrorError, Written, open_mirror, shape_of
from tachlog.stores.points import Shape, alert_line, lines_of, place_of

RUN_SECONDS: Final = 20.0
"""How long one run feeds a mirror at most; the next run goes on."""

_MINUTE_US: Final = 60_000_000
_HOUR_US: Final = 3_600_000_000
_DAY_US: Final = 86_400_000_000


class Followed(Struct, frozen=True):
    """What a run did for a mirror: threads and points written, threads that it is still behind.

    `fault` says why it stopped; the note of `written` what else a person should know.
    """

    name: str
    threads: int
    written: Written
    behind: int
    fault: str | None


def lags(store: Store, config: Config) -> list[Lag]:
    """How every mirror of a configuration stands."""
    found = []
    for name in _mirrors(config):
        known = store.mirror(name)
        behind = store.behind(known)
        told = (known.written_us, known.failed_us, known.fault, known.expired, known.dropped)
        found.append(Lag(name, behind, *told))
    return found


def follow(store: Store, config: Config, now_us: int) -> list[Followed]:
    """Feed every mirror with what it lacks; those that lack nothing are not asked."""
    found = []
    for name, (url, hints) in _mirrors(config).items():
        follower = _Follower(store, config, now_us, name)
        if follower.lacks():
            found.append(follower.run(url, hints))
    return found


def _mirrors(config: Config) -> dict[str, tuple[str, bool]]:
    """URL and openness to hints of each mirror, by its name."""
    return {shown(each.url): (each.url, each.hints) for each in config.storage.mirrors}


class _Follower:
    """One run of one mirror."""

    def __init__(self, store: Store, config: Config, now_us: int, name: str) -> None:
        self.store = store
        self.storage = config.storage
        days = self.storage.retention_days
        self.keeping = Keeping(days, min(self.storage.downsample_after, days))
        self.now_us = now_us
        self.known = store.mirror(name)
        self.threads = 0
        self.written = Written()
        self.oldest_us = now_us

    def lacks(self) -> bool:
        """Whether there is anything that the mirror does not have."""
        return (
            self.known.prepared != self.keeping.told()
            or self.store.behind(self.known) > 0
            or bool(self.store.alerts(self._since_us()))
        )

    def run(self, url: str, hints: bool) -> Followed:
        """Feed it; a fault is told and kept."""
        fault = None
        try:
            self._feed(url, hints)
        except MirrorError as error:
            fault = str(error)
            self._keep(failed_us=self.now_us, fault=fault)
        behind = self.store.behind(self.known)
        return Followed(self.known.name, self.threads, self.written, behind, fault)

    def _feed(self, url: str, hints: bool) -> None:
        with closing(open_mirror(url)) as mirror:
            ready = prepare(mirror, self.keeping, self.known.prepared)
            if ready.is_new and self.known.changed:
                self.store.forget_mirror(self.known.name)
                self.known = MirrorState(self.known.name)
            self.written = Written(note=ready.note)
            self._keep(prepared=ready.prepared)
            shape = shape_of(
                mirror.address, hints=hints, session_tag=self.storage.influxdb.session_tag
            )
            self._drain(mirror, shape)
            self._settle(mirror)

    def _drain(self, mirror: InfluxMirror, shape: Shape) -> None:
        """Write what changed, step by step; each is kept when the server has it."""
        until = monotonic() + RUN_SECONDS
        alerts = [alert_line(alert, shape) for alert in self.store.alerts(self._since_us())]
        self._count(mirror.write(alerts))
        while step := self.store.changes(self.known):
            self._write(mirror, shape, step)
            if monotonic() > until:
                break
        self._keep(written_us=self.now_us, failed_us=None, fault=self.written.note)

    def _write(self, mirror: InfluxMirror, shape: Shape, step: list[Change]) -> None:
        places = [(change, place_of(change, shape)) for change in step]
        mirror.delete_sessions(
            change.former.at_ns
            for change, place in places
            if change.former is not None and change.former != place
        )
        self._count(mirror.write(line for change in step for line in lines_of(change, shape)))
        self._count(Written(expired=sum(change.deleted for change in step)))
        for change in step:
            times = [each.at_us for each in change.calls] + [each.at_us for each in change.tools]
            self.oldest_us = min(self.oldest_us, *times, self.now_us)
        last = max(step, key=lambda change: (change.changed, change.thread))
        self.threads += sum(change.metrics is not None for change in step)
        cursor = max((self.known.changed, self.known.thread), (last.changed, last.thread))
        self.known = replace(self.known, changed=cursor[0], thread=cursor[1])
        self.store.keep_mirror(self.known, places)

    def _settle(self, mirror: InfluxMirror) -> None:
        """Add up the hours that are read so late that the server does not look at them."""
        until_us = self.now_us - self.keeping.settle_days * _DAY_US
        since_us = max(self.oldest_us, self.now_us - self.keeping.raw_days * _DAY_US)
        if since_us < until_us:
            settle(mirror, since_us // _HOUR_US * _HOUR_US, -(-until_us // _HOUR_US) * _HOUR_US)

    def _since_us(self) -> int | None:
        return self.known.written_us and self.known.written_us - _MINUTE_US

    def _count(self, written: Written) -> None:
        self.written += written
        expired = self.known.expired + written.expired
        dropped = self.known.dropped + written.dropped
        self.known = replace(self.known, expired=expired, dropped=dropped)

    def _keep(self, **values: int | str | None) -> None:
        self.known = replace(self.known, **values)
        self.store.keep_mirror(self.known)
