"""The life of an alert: inactive → pending → firing ⇄ acknowledged → resolved.

As Prometheus has it (docs/configuration/alerting_rules.md, checked 2026-11-22), with what people
ask of it beyond: an acknowledged alert is quiet until it ends, and then armed again; one that
becomes more severe is no longer acknowledged. Pure: what is stored, and who is told, is decided
elsewhere. Time that goes backwards counts as none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import replace

from tachlog.analysis.alerting.evaluation import Labels, Verdict
from tachlog.analysis.alerting.rules import Rule
from tachlog.analysis.alerting.texts import SEVERITIES, Severity

State = Literal["pending", "firing", "acknowledged", "resolved"]
_NAMESPACE: Final = UUID("6f1f4a0e-5f1c-5b9e-8a43-2f6f0d0f7c11")


class Alert(Struct, frozen=True, kw_only=True):
    """One alert: a rule that fires for some labels, from its beginning to its end.

    `since_us` is when it began to hold, `fired_us` when it had held long enough, `ended_us` since
    when it has not held (None while it does). `by`, `note` and `acknowledged_us` are of who took it
    on. `is_quiet` alerts are shown and sent to nobody.
    """

    id: UUID
    rule: str
    labels: Labels
    state: State
    severity: Severity
    message: str
    measures: dict[str, float]
    since_us: int
    fired_us: int | None = None
    ended_us: int | None = None
    resolved_us: int | None = None
    acknowledged_us: int | None = None
    by: str | None = None
    note: str | None = None
    is_quiet: bool = False

    @property
    def key(self) -> tuple[str, Labels]:
        """What it is about: one alert lives for a key at a time."""
        return self.rule, self.labels


class Transition(Struct, frozen=True):
    """An alert that came into another state, or one of another severity, and why."""

    alert: Alert
    before: State | None
    at_us: int
    why: str


def alert_id(rule: str, labels: Labels, since_us: int) -> UUID:
    """The id of the alert that began then: two who evaluate the same make the same alert."""
    return uuid5(_NAMESPACE, repr((rule, labels, since_us)))


def advance(
    alive: Iterable[Alert],
    verdicts: Iterable[Verdict],
    rules: Mapping[str, Rule],
    now_us: int,
    quiet: frozenset[str] = frozenset(),
) -> tuple[list[Alert], list[Transition]]:
    """The alerts that live on after an evaluation, those that just ended too, and what changed.

    `alive` are all that are not resolved, at most one for a key; `quiet` names rules that are
    evaluated and tell nobody.
    """
    found = {(verdict.rule, verdict.labels): verdict for verdict in verdicts}
    alerts: list[Alert] = []
    changes: list[Transition] = []
    for alert in alive:
        verdict = found.pop(alert.key, None)
        rule = rules.get(alert.rule)
        after = None if rule is None else _next(alert, verdict, rule, now_us)
        if after is None and alert.state == "pending":
            continue
        why = "the rule is gone" if rule is None else "it no longer holds"
        after = after or _resolved(alert, now_us)
        alerts.append(after)
        if after.state != alert.state:
            changes.append(Transition(after, alert.state, now_us, _why(after, why)))
        elif after.severity != alert.severity:
            changes.append(Transition(after, alert.state, now_us, f"is now {after.severity}"))
    for verdict in found.values():
        rule = rules.get(verdict.rule)
        if verdict.holds and rule is not None:
            begun = _begun(verdict, rule, now_us, verdict.rule in quiet)
            alerts.append(begun)
            changes.append(Transition(begun, None, now_us, _why(begun, "")))
    return alerts, changes


def acknowledge(alert: Alert, by: str, note: str | None, now_us: int) -> Alert:
    """The alert taken on by somebody; only one that fires can be. Raises ValueError."""
    if alert.state != "firing":
        raise ValueError(f"it is {alert.state}, only an alert that fires can be acknowledged")
    return replace(alert, state="acknowledged", by=by, note=note, acknowledged_us=now_us)


def _begun(verdict: Verdict, rule: Rule, now_us: int, is_quiet: bool) -> Alert:
    alert = Alert(
        id=alert_id(verdict.rule, verdict.labels, now_us),
        rule=verdict.rule,
        labels=verdict.labels,
        state="pending",
        severity=verdict.severity,
        message=verdict.message,
        measures=verdict.measures,
        since_us=now_us,
        is_quiet=is_quiet,
    )
    return alert if rule.for_us else replace(alert, state="firing", fired_us=now_us)


def _next(alert: Alert, verdict: Verdict | None, rule: Rule, now_us: int) -> Alert | None:
    """The alert after a verdict; None when it is over."""
    if verdict is None or (verdict.holds is None and verdict.ends is None):
        # A pending alert has nothing to keep; one that fires waits for data if the rule says so.
        return alert if rule.text.no_data == "keep" and alert.state != "pending" else None
    if verdict.holds:
        alert = _held(alert, verdict)
        if alert.state == "pending" and now_us - alert.since_us >= rule.for_us:
            return replace(alert, state="firing", fired_us=now_us)
        return alert
    if alert.state == "pending":
        return None
    if not verdict.ends:
        return replace(alert, ended_us=None)
    if alert.ended_us is None or now_us < alert.ended_us:
        alert = replace(alert, ended_us=now_us)
    assert alert.ended_us is not None
    return None if now_us - alert.ended_us >= rule.keep_us else alert


def _held(alert: Alert, verdict: Verdict) -> Alert:
    """The alert with the figures of now; it becomes more severe, and never less while it lives."""
    worse = SEVERITIES.index(verdict.severity) > SEVERITIES.index(alert.severity)
    return replace(
        alert,
        message=verdict.message,
        measures=verdict.measures,
        severity=verdict.severity if worse else alert.severity,
        state="firing" if worse and alert.state == "acknowledged" else alert.state,
        ended_us=None,
    )


def _resolved(alert: Alert, now_us: int) -> Alert:
    return replace(alert, state="resolved", resolved_us=now_us)


def _why(after: Alert, ended: str) -> str:
    return ended if after.state == "resolved" else after.message
