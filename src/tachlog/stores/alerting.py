"""Alerts in the archive: those that live and those that ended, silences, what rules were like."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from tachlog.analysis.alerting.lifecycle import Alert, State, Transition
from tachlog.analysis.alerting.moments import Health, Moment, Usual
from tachlog.analysis.alerting.rehearsal import Rehearsed
from tachlog.analysis.alerting.silences import Silence
from tachlog.analysis.alerting.texts import Severity
from tachlog.analysis.units import rfc3339
from tachlog.stores import moments
from tachlog.stores.database import LISTED_TEXTS, Database, listed, replacing
from tachlog.stores.rows import Row

EVALUATED: Final = "alerts_evaluated"
"""Under this name the archive notes when rules were last evaluated, in µs."""

HOUR_US: Final = 3_600_000_000

Advanced = tuple[list[Alert], list[Transition]]

_COLUMNS: Final = (
    "id, type, severity, message, context, triggered_at, acknowledged, acknowledged_by,"
    " acknowledged_at, labels, state, measures, since_us, fired_us, ended_us, resolved_us,"
    " acknowledged_us, note, quiet"
)
_ASKED: Final = (
    "SELECT a.id, a.type, a.severity, a.message, a.labels, a.state, a.measures, a.since_us,"
    " a.fired_us, a.ended_us, a.resolved_us, a.acknowledged_us, u.name, a.note, a.quiet"
    " FROM telemetry_alerts a LEFT JOIN users u ON u.id = a.acknowledged_by"
)
_labels: Final = msgspec.json.Decoder(tuple[tuple[str, str], ...])
_measures: Final = msgspec.json.Decoder(dict[str, float])


class Happened(Struct, frozen=True):
    """A transition as it was kept."""

    at_us: int
    before: State | None
    state: State
    severity: Severity
    why: str


class Gate(Struct, frozen=True):
    """What came of a rule's last rehearsal, made at `at_us`; `definition` is what was rehearsed."""

    definition: str
    at_us: int
    rehearsed: Rehearsed


class Alerting:
    """What an archive keeps of alerts."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def moments(self, since_us: int, until_us: int) -> list[Moment]:
        """The operations from then on and before then, in order of time."""
        with self.database.snapshot():
            names: dict[int, str] = dict(self.database.rows("SELECT id, text FROM names"))
            return moments.moments(self.database, names, since_us, until_us)

    def usual(self, since_us: int, until_us: int) -> Usual:
        """What the calls from then on and before then used, by span of time."""
        with self.database.snapshot():
            return moments.usual(self.database, since_us, until_us)

    def health(self, now_us: int) -> Health:
        """How reading and mirroring do."""
        return moments.health(self.database, now_us)

    def alive(self) -> list[Alert]:
        """The alerts that have not ended, in order of their beginning."""
        return self._alerts("WHERE a.since_us IS NOT NULL AND a.state <> 'resolved'")

    def history(self, since_us: int) -> list[Alert]:
        """The alerts that fired and live, or ended since then; the latest first."""
        found = self._alerts(
            "WHERE a.fired_us IS NOT NULL AND (a.resolved_us IS NULL OR a.resolved_us >= ?)",
            since_us,
        )
        return sorted(found, key=lambda alert: (-(alert.fired_us or 0), str(alert.id)))

    def find(self, prefix: str) -> list[Alert]:
        """The alerts that fired and whose id begins so."""
        found = self._alerts("WHERE a.fired_us IS NOT NULL")
        return [alert for alert in found if str(alert.id).startswith(prefix)]

    def these(self, numbers: Collection[str]) -> list[Alert]:
        """The alerts with these ids, as far as there are any."""
        if not numbers:
            return []
        return self._alerts(f"WHERE CAST(a.id AS TEXT) IN {LISTED_TEXTS}", listed(numbers))

    def transitions(self, alert: UUID) -> list[Happened]:
        """What happened to an alert, in order."""
        return [
            Happened(*row)
            for row in self.database.rows(
                "SELECT at_us, before, state, severity, why FROM alert_transitions"
                " WHERE alert = ? ORDER BY place",
                (str(alert),),
            )
        ]

    def advance(self, step: Callable[[list[Alert]], Advanced], now_us: int) -> list[Transition]:
        """Let the living alerts go on by one evaluation, made for `now_us`; what changed.

        An evaluation for a moment before the last one, as another process may have made it, changes
        nothing; a last one far in the future was made by a clock that was wrong.
        """
        with self.database.transaction():
            found = self.database.rows("SELECT value FROM meta WHERE name = ?", (EVALUATED,))
            if found and now_us <= int(found[0][0]) < now_us + HOUR_US:
                return []
            before = self.alive()
            alerts, changes = step(before)
            kept = {alert.id for alert in alerts}
            gone = [(str(alert.id),) for alert in before if alert.id not in kept]
            self.database.run_many("DELETE FROM telemetry_alerts WHERE id = ?", gone)
            self._keep([alert for alert in alerts if alert not in before], changes)
            self.database.insert(
                "meta", "name, value", [(EVALUATED, str(now_us))], replacing("name, value", "name")
            )
            return changes

    def evaluated_us(self) -> int | None:
        """When rules were evaluated last."""
        found = self.database.rows("SELECT value FROM meta WHERE name = ?", (EVALUATED,))
        return int(found[0][0]) if found else None

    def change(self, alert: UUID, how: Callable[[Alert], Transition]) -> Transition:
        """Change one alert as it is now; raises KeyError where there is none."""
        with self.database.transaction():
            found = self._alerts("WHERE a.id = ?", str(alert))
            if not found:
                raise KeyError(str(alert))
            changed = how(found[0])
            self._keep([changed.alert], [changed])
            return changed

    def silences(self, now_us: int) -> list[Silence]:
        """The silences that have not ended."""
        return [
            Silence(UUID(str(number)), _labels.decode(matches), *rest)
            for number, matches, *rest in self.database.rows(
                "SELECT id, matches, begins_us, ends_us, made_by, note FROM silences"
                " WHERE ends_us > ? ORDER BY begins_us, id",
                (now_us,),
            )
        ]

    def keep_silence(self, silence: Silence) -> None:
        """Keep a silence; one with its id is replaced."""
        columns = "id, matches, begins_us, ends_us, made_by, note"
        matches = _text(silence.matches)
        times = (silence.begins_us, silence.ends_us)
        row = (str(silence.id), matches, *times, silence.by, silence.note)
        with self.database.transaction():
            self.database.insert("silences", columns, [row], replacing(columns, "id"))

    def gates(self) -> dict[str, Gate]:
        """What came of the last rehearsal of each rule."""
        return {
            rule: Gate(definition, at_us, msgspec.json.decode(found, type=Rehearsed))
            for rule, definition, at_us, found in self.database.rows(
                "SELECT rule, definition, at_us, rehearsed FROM alert_gates"
            )
        }

    def keep_gates(self, gates: Iterable[Gate]) -> None:
        """Keep what came of rehearsing rules."""
        columns = "rule, definition, at_us, rehearsed"
        rows = [
            (gate.rehearsed.rule, gate.definition, gate.at_us, _text(gate.rehearsed))
            for gate in gates
        ]
        with self.database.transaction():
            self.database.insert("alert_gates", columns, rows, replacing(columns, "rule"))

    def _keep(self, alerts: Sequence[Alert], changes: Iterable[Transition]) -> None:
        """Write alerts as they are now, and what changed in them."""
        users: dict[str | None, str] = dict(self.database.rows("SELECT name, id FROM users"))
        rows = [_row(alert, users) for alert in alerts]
        self.database.insert("telemetry_alerts", _COLUMNS, rows, replacing(_COLUMNS, "id"))
        for change in changes:
            alert, number = change.alert, str(change.alert.id)
            told = (change.at_us, change.before, alert.state, alert.severity, change.why)
            ((place,),) = self.database.rows(
                "SELECT count(*) FROM alert_transitions WHERE alert = ?", (number,)
            )
            self.database.run(
                "INSERT INTO alert_transitions (alert, place, at_us, before, state, severity, why)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (number, place, *told),
            )

    def _alerts(self, test: str, *values: object) -> list[Alert]:
        asked = f"{_ASKED} {test} ORDER BY a.since_us, a.id"
        return [_alert(row) for row in self.database.rows(asked, values)]


def _alert(row: Row) -> Alert:
    (number, rule, severity, message, labels, state, measures, since_us, *rest) = row
    fired_us, ended_us, resolved_us, acknowledged_us, by, note, quiet = rest
    return Alert(
        id=UUID(str(number)),
        rule=rule,
        labels=_labels.decode(labels),
        state=state,
        severity=severity,
        message=message,
        measures=_measures.decode(measures),
        since_us=since_us,
        fired_us=fired_us,
        ended_us=ended_us,
        resolved_us=resolved_us,
        acknowledged_us=acknowledged_us,
        by=by,
        note=note,
        is_quiet=bool(quiet),
    )


def _row(alert: Alert, users: dict[str | None, str]) -> Row:
    context = dict(alert.labels) | alert.measures
    acknowledged = alert.acknowledged_us
    return (
        str(alert.id),
        alert.rule,
        alert.severity,
        alert.message,
        _text(context),
        rfc3339(alert.since_us if alert.fired_us is None else alert.fired_us),
        acknowledged is not None,
        users.get(alert.by),
        None if acknowledged is None else rfc3339(acknowledged),
        _text(alert.labels),
        alert.state,
        _text(alert.measures),
        alert.since_us,
        alert.fired_us,
        alert.ended_us,
        alert.resolved_us,
        acknowledged,
        alert.note,
        int(alert.is_quiet),
    )


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()
