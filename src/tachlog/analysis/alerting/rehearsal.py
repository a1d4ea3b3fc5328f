"""What rules would have done: replay them over time gone by, and say which would be noisy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from tachlog.analysis.alerting.evaluation import Activity, evaluate
from tachlog.analysis.alerting.lifecycle import Alert, advance
from tachlog.analysis.alerting.rules import Rule

DAYS: Final = 14
DAY_US: Final = 86_400_000_000
STEP_US: Final = 300_000_000
MOST_PER_DAY: Final = 1
LEAST_VALUES: Final = 5
P99: Final = 0.99


class Rehearsed(Struct, frozen=True, kw_only=True):
    """How a rule would have done in `days` days.

    `fired` counts alerts, `sessions` those that it would have fired in, of `of_sessions`;
    `suggested` is the value that one hundredth of what was measured lies beyond, None where the
    rule has no value, or too little was measured. `is_noisy`: more than one alert a day.
    """

    rule: str
    value: float | None
    fired: int
    days: int
    per_day: float
    sessions: int
    of_sessions: int
    share_of_sessions: float | None
    suggested: float | None
    is_noisy: bool
    is_gated: bool


class Replay:
    """Rules replayed step by step, with what they found."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = {rule.name: rule for rule in rules}
        self.alive: list[Alert] = []
        self.ended: list[Alert] = []
        self.reached: dict[str, list[float]] = {rule.name: [] for rule in rules}

    @property
    def alerts(self) -> list[Alert]:
        """Every alert that fired, in order of time."""
        fired = [alert for alert in (*self.ended, *self.alive) if alert.fired_us is not None]
        return sorted(fired, key=lambda alert: (alert.fired_us or 0, alert.rule, alert.labels))

    def step(self, activity: Activity, now_us: int) -> None:
        """Evaluate the rules at one moment."""
        verdicts = evaluate(self.rules.values(), activity, now_us)
        alerts, _ = advance(self.alive, verdicts, self.rules, now_us)
        self.alive = [alert for alert in alerts if alert.state != "resolved"]
        self.ended += [alert for alert in alerts if alert.state == "resolved"]
        for verdict in verdicts:
            if verdict.reached is not None:
                self.reached[verdict.rule].append(verdict.reached)


def replay(
    rules: Sequence[Rule], activity: Activity, since_us: int, until_us: int, step_us: int = STEP_US
) -> Replay:
    """Replay rules from `since_us` to `until_us`.

    Where nothing happened within the longest window before a step, nothing but ends can come of it:
    such steps are left out while no alert lives.
    """
    found = Replay(rules)
    longest = max((rule.window_us for rule in rules), default=0)
    for now_us in range(since_us, until_us + 1, step_us):
        if found.alive or activity.whole.between(now_us - longest, now_us):
            found.step(activity, now_us)
    return found


def rehearse(
    rules: Sequence[Rule], activity: Activity, until_us: int, days: int = DAYS
) -> list[Rehearsed]:
    """How each rule would have done in the last `days` days."""
    since_us = until_us - days * DAY_US
    found = replay(rules, activity, since_us, until_us)
    moments = activity.whole.between(since_us, until_us)
    sessions = {moment.session for moment in moments}
    by_rule: dict[str, list[Alert]] = {rule.name: [] for rule in rules}
    for alert in found.alerts:
        by_rule[alert.rule].append(alert)
    return [
        _rehearsed(rule, by_rule[rule.name], found.reached[rule.name], len(sessions), days)
        for rule in rules
    ]


def noisy(rehearsed: Iterable[Rehearsed]) -> frozenset[str]:
    """The rules that tell nobody: too noisy, and nobody set or accepted their value."""
    return frozenset(each.rule for each in rehearsed if each.is_gated)


def _rehearsed(
    rule: Rule, alerts: Sequence[Alert], reached: Sequence[float], of_sessions: int, days: int
) -> Rehearsed:
    sessions = {label for alert in alerts for name, label in alert.labels if name == "session"}
    is_noisy = len(alerts) > MOST_PER_DAY * days
    return Rehearsed(
        rule=rule.name,
        value=rule.text.value,
        fired=len(alerts),
        days=days,
        per_day=round(len(alerts) / days, 3),
        sessions=len(sessions),
        of_sessions=of_sessions,
        share_of_sessions=(
            round(len(sessions) / of_sessions, 6)
            if of_sessions and "session" in rule.text.by
            else None
        ),
        suggested=_suggested(rule, reached),
        is_noisy=is_noisy,
        is_gated=is_noisy and not rule.is_set,
    )


def _suggested(rule: Rule, reached: Sequence[float]) -> float | None:
    """The value beyond which one hundredth lies, on the side on which the rule fires."""
    if len(reached) < LEAST_VALUES:
        return None
    values = sorted(reached, reverse=rule.when.falls_below("value"))
    return float(f"{values[min(len(values) - 1, int(P99 * len(values)))]:.3g}")
