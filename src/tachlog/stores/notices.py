"""The notification log: what each channel was told of each rule, what failed, who is at it.

A message is claimed before it is sent, in one transaction with the decision that it is due, so that
of several servers one sends; a claim that was never settled is taken up after a time-out. What is
told is decided anew at each try, from what is true then and what was told last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import tzinfo
from typing import Final, Literal

import msgspec
from msgspec import Struct

from tachlog.analysis.alerting.channels import Channel
from tachlog.analysis.alerting.lifecycle import Alert
from tachlog.analysis.alerting.routing import SKEW_US, Notice, Told, due, is_over
from tachlog.analysis.alerting.silences import suppressed
from tachlog.analysis.alerting.texts import Severity
from tachlog.model import key_of
from tachlog.stores.alerting import Alerting
from tachlog.stores.database import replacing

CLAIM_US: Final = 180_000_000
"""After so long a claim that was not settled is another's to take up."""

BACKOFF_S: Final = (10, 30, 120, 600, 1800)
"""How long after each failed try the next one is; after the last of them it is given up."""

REPORT: Final = "weekly report"
"""What weekly reports have in the place of a rule, whose names have no blanks."""

KEEP_US: Final = 14 * 86_400_000_000
FAILING_TRIES: Final = 2

State = Literal["claimed", "waiting", "sent", "dead"]

_COLUMNS: Final = (
    "channel, rule, place, digest, state, told, firing, resolved, tries, claimed_us, next_us,"
    " settled_us, fault"
)
_told: Final = msgspec.json.Decoder(dict[str, Severity])


class Entry(Struct, frozen=True, kw_only=True):
    """One message to one channel; `place` counts those of its channel and rule.

    `digest` names what it tells: the same for each try of the same. `told` are the alerts that the
    channel knows of with it; `firing` and `resolved` count what it tells.
    """

    channel: str
    rule: str
    place: int
    digest: str
    state: State
    told: dict[str, Severity]
    firing: int
    resolved: int
    tries: int
    claimed_us: int
    next_us: int
    settled_us: int | None = None
    fault: str | None = None


class Claimed(Struct, frozen=True):
    """A message that is this process's to send."""

    entry: Entry
    notice: Notice


class Notices:
    """What an archive keeps of messages."""

    def __init__(self, alerting: Alerting) -> None:
        self.database = alerting.database
        self.alerting = alerting

    def claim(self, channels: Sequence[Channel], now_us: int, zone: tzinfo) -> list[Claimed]:
        """The messages that are due and nobody sends yet; they are this process's now."""
        with self.database.transaction():
            latest = self._latest()
            alerts = self._alerts(latest.values())
            quiet = suppressed(
                [alert for each in alerts.values() for alert in each],
                self.alerting.silences(now_us),
                now_us,
            )
            found: list[Claimed] = []
            for channel in channels:
                for rule, of_rule in alerts.items():
                    last, trying = latest.get((channel.name, rule), (None, None))
                    if trying is not None and not _is_free(trying, now_us):
                        continue
                    told = None if last is None else Told(last.claimed_us, last.told)
                    notice = due(channel, of_rule, quiet, told, now_us, zone)
                    if notice is not None:
                        place = 0 if last is None else last.place + 1
                        entry = _claimed(channel.name, rule, place, notice, trying, now_us)
                        found.append(Claimed(entry, notice))
                    elif trying is not None:
                        self._forget(trying)
            self._keep(each.entry for each in found)
            return found

    def is_report_due(self, channel: str, place: int, now_us: int) -> bool:
        """Whether the report of a week (its `place`) is to be sent to a channel now."""
        entry = self._report(channel, place)
        if entry is None:
            return True
        return entry.state in ("claimed", "waiting") and _is_free(entry, now_us)

    def claim_report(self, channel: str, place: int, now_us: int) -> Entry | None:
        """A report that is due, as this process's to send; None where another has it."""
        with self.database.transaction():
            if not self.is_report_due(channel, place, now_us):
                return None
            trying = self._report(channel, place)
            entry = _claimed(channel, REPORT, place, Notice([], [], {}), trying, now_us)
            self._keep([entry])
            return entry

    def _report(self, channel: str, place: int) -> Entry | None:
        test = "WHERE channel = ? AND rule = ? AND place = ?"
        return next(self._entries(test, channel, REPORT, place), None)

    def settle(self, entry: Entry, fault: str | None, now_us: int, *, tried: bool = True) -> None:
        """Note what became of a claimed message, unless another has taken it up.

        With a `fault` it waits for its next try, or is given up; one that was not `tried` waits and
        loses no try.
        """
        tries = entry.tries if tried else entry.tries - 1
        state: State = "sent"
        if fault is not None:
            state = "dead" if tries >= len(BACKOFF_S) + 1 else "waiting"
        pause_s = BACKOFF_S[min(max(tries, 1), len(BACKOFF_S)) - 1]
        with self.database.transaction():
            self.database.run(
                "UPDATE notifications SET state = ?, tries = ?, next_us = ?, settled_us = ?,"
                " fault = ? WHERE channel = ? AND rule = ? AND place = ? AND state = 'claimed'"
                " AND claimed_us = ?",
                (
                    *(state, tries, now_us + pause_s * 1_000_000, now_us, fault),
                    *(entry.channel, entry.rule, entry.place, entry.claimed_us),
                ),
            )

    def entries(self, since_us: int) -> list[Entry]:
        """The messages since then, the latest first."""
        return list(self._entries("WHERE claimed_us >= ? ORDER BY claimed_us DESC", since_us))

    def forget(self, now_us: int) -> None:
        """Drop messages that are long over; the last of each channel and rule stays."""
        with self.database.transaction():
            self.database.run(
                "DELETE FROM notifications WHERE claimed_us < ? AND place < (SELECT max(n.place)"
                " FROM notifications n WHERE n.channel = notifications.channel"
                " AND n.rule = notifications.rule) - 1",
                (now_us - KEEP_US,),
            )

    def _latest(self) -> dict[tuple[str, str], tuple[Entry | None, Entry | None]]:
        """By channel and rule the last message that was sent or given up, and the one at work."""
        found: dict[tuple[str, str], tuple[Entry | None, Entry | None]] = {}
        for entry in self._entries(
            "WHERE place >= (SELECT max(n.place) FROM notifications n"
            " WHERE n.channel = notifications.channel AND n.rule = notifications.rule) - 1"
            " AND rule <> ? ORDER BY channel, rule, place",
            REPORT,
        ):
            last, _ = found.get((entry.channel, entry.rule), (None, None))
            is_over = entry.state in ("sent", "dead")
            found[entry.channel, entry.rule] = (entry, None) if is_over else (last, entry)
        return found

    def _alerts(
        self, latest: Iterable[tuple[Entry | None, Entry | None]]
    ) -> dict[str, list[Alert]]:
        """By rule the alerts that fire or are acknowledged, and those that somebody knows of."""
        alerts = [each for each in self.alerting.alive() if each.state != "pending"]
        living = {str(each.id) for each in alerts}
        known = {number for last, _ in latest if last is not None for number in last.told}
        alerts += self.alerting.these(known - living)
        found: dict[str, list[Alert]] = {}
        for alert in alerts:
            found.setdefault(alert.rule, []).append(alert)
        for _, trying in latest:
            if trying is not None:
                found.setdefault(trying.rule, [])
        return found

    def _entries(self, test: str, *values: object) -> Iterator[Entry]:
        for row in self.database.rows(f"SELECT {_COLUMNS} FROM notifications {test}", values):
            told = dict(zip(Entry.__struct_fields__, row, strict=True))
            yield Entry(**{**told, "told": _told.decode(told["told"])})

    def _keep(self, entries: Iterable[Entry]) -> None:
        rows = []
        for entry in entries:
            told = msgspec.structs.asdict(entry)
            told["told"] = msgspec.json.encode(entry.told).decode()
            rows.append(tuple(told.values()))
        self.database.insert(
            "notifications", _COLUMNS, rows, replacing(_COLUMNS, "channel, rule, place")
        )

    def _forget(self, entry: Entry) -> None:
        self.database.run(
            "DELETE FROM notifications WHERE channel = ? AND rule = ? AND place = ?",
            (entry.channel, entry.rule, entry.place),
        )


def failing(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The channels that could not be told the last time, with that message; the latest come first.

    One failure may be chance; two tries in a row, or a message that was given up, are not.
    """
    last: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda each: -(each.settled_us or 0)):
        if entry.state == "sent" or entry.fault is not None:
            last.setdefault(entry.channel, entry)
    return {
        name: entry
        for name, entry in last.items()
        if entry.state == "dead" or (entry.state != "sent" and entry.tries >= FAILING_TRIES)
    }


def _is_free(trying: Entry, now_us: int) -> bool:
    """Whether a message that is not over may be tried now."""
    if trying.state == "claimed":
        return is_over(trying.claimed_us, CLAIM_US, now_us)
    longest_us = BACKOFF_S[-1] * 1_000_000 + SKEW_US
    return not now_us < trying.next_us <= now_us + longest_us


def _claimed(
    channel: str, rule: str, place: int, notice: Notice, trying: Entry | None, now_us: int
) -> Entry:
    told = sorted((str(each.id), each.severity) for each in notice.firing)
    ended = sorted(str(each.id) for each in notice.resolved)
    return Entry(
        channel=channel,
        rule=rule,
        place=place,
        digest=f"{key_of(channel, rule, str(place), repr((told, ended))):016x}",
        state="claimed",
        told=notice.open,
        firing=len(notice.firing),
        resolved=len(notice.resolved),
        tries=1 if trying is None else trying.tries + 1,
        claimed_us=now_us,
        next_us=now_us,
        fault=None if trying is None else trying.fault,
    )
