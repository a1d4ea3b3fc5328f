"""Who is not told of what: silences that a person makes, and alerts that a worse one stands for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import combinations
from uuid import UUID

from msgspec import Struct

from tachlog.analysis.alerting.evaluation import Labels
from tachlog.analysis.alerting.lifecycle import Alert
from tachlog.analysis.alerting.texts import SEVERITIES


class Silence(Struct, frozen=True):
    """Alerts of which nobody is told for a time.

    `matches` are pairs that must all be an alert's: `rule`, `severity`, or one of its labels.
    """

    id: UUID
    matches: Labels
    begins_us: int
    ends_us: int
    by: str
    note: str | None = None

    def covers(self, alert: Alert, now_us: int) -> bool:
        """Whether the silence holds for an alert now."""
        if not self.begins_us <= now_us < self.ends_us:
            return False
        told = dict(alert.labels) | {"rule": alert.rule, "severity": alert.severity}
        return all(told.get(name) == value for name, value in self.matches)


def suppressed(
    alerts: Collection[Alert], silences: Iterable[Silence], now_us: int
) -> dict[UUID, str]:
    """The alerts that nobody is told of, by id, with why: a gate, a silence, or a worse alert.

    An alert is inhibited by a more severe one of the same rule whose labels are all among its own:
    the budget of a project needs no word when that of everything is passed.
    """
    silences = list(silences)
    standing = _standing(alerts)
    found: dict[UUID, str] = {}
    for alert in alerts:
        if alert.is_quiet:
            found[alert.id] = "noisy"
        elif any(silence.covers(alert, now_us) for silence in silences):
            found[alert.id] = "silenced"
        elif _is_stood_for(alert, standing):
            found[alert.id] = "inhibited"
    return found


Standing = dict[tuple[str, frozenset[tuple[str, str]]], int]
"""How severe the alerts are that fire, by rule and labels."""


def _standing(alerts: Collection[Alert]) -> Standing:
    found: Standing = {}
    for alert in alerts:
        if alert.state in ("firing", "acknowledged"):
            key = (alert.rule, frozenset(alert.labels))
            found[key] = max(SEVERITIES.index(alert.severity), found.get(key, 0))
    return found


def _is_stood_for(alert: Alert, standing: Standing) -> bool:
    rank = SEVERITIES.index(alert.severity)
    return any(
        standing.get((alert.rule, frozenset(labels)), 0) > rank
        for count in range(len(alert.labels))
        for labels in combinations(alert.labels, count)
    )
