"""What a channel is told, in the shapes that receivers know: text, Alertmanager's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec import Raw, Struct

from tachlog.analysis.alerting.lifecycle import Alert
from tachlog.analysis.alerting.routing import REPEAT_INTERVAL_US
from tachlog.analysis.alerting.texts import SEVERITIES
from tachlog.analysis.units import rfc3339
from tachlog.model import key_of

MOST_TOLD: Final = 100
"""Alerts that one message tells one by one; the others are counted."""

MOST_LINES: Final = 10
NEVER: Final = "0001-01-01T00:00:00Z"
"""The end of what has not ended, as Alertmanager writes it."""


class Message(Struct, frozen=True, kw_only=True):
    """What is told of one rule; `titles` of sessions by id are empty unless hints may go out.

    `digest` is the same for each try of the same message.
    """

    rule: str
    digest: str
    at_us: int
    firing: tuple[Alert, ...]
    resolved: tuple[Alert, ...] = ()
    titles: Mapping[str, str] = {}

    @property
    def severity(self) -> str:
        """The worst of what fires, else of what ended."""
        told = self.firing or self.resolved
        return max((each.severity for each in told), key=SEVERITIES.index)

    @property
    def subject(self) -> str:
        """The message in a line."""
        counts = [(len(self.firing), "firing"), (len(self.resolved), "resolved")]
        told = ", ".join(f"{number} {what}" for number, what in counts if number)
        return plain(f"tachlog {self.severity}: {self.rule.replace('_', ' ')} ({told})")

    def lines(self) -> list[str]:
        """A line for each alert, the worst first; many are counted."""
        found = [
            f"{state} · {each.message}{self._where(each)}"
            for state, alerts in (("fires", self.firing), ("resolved", self.resolved))
            for each in sorted(alerts, key=lambda a: -SEVERITIES.index(a.severity))
        ]
        more = len(found) - MOST_LINES
        return [*map(plain, found[:MOST_LINES]), *([f"and {more} more"] if more > 0 else [])]

    def _where(self, alert: Alert) -> str:
        told = [f"{name} {value}" for name, value in alert.labels if value not in alert.message]
        title = self.titles.get(dict(alert.labels).get("session", ""))
        return "".join(f" · {each}" for each in (*told, *([title] if title else [])))


class Weekly(Struct, frozen=True, kw_only=True):
    """A weekly report on its way to a channel, in each form that one may take.

    `html` shows the `pictures` (PNG) by their names; `first` is the one thing that matters;
    `report` is its JSON. `digest` is the same for each try.
    """

    week: str
    digest: str
    at_us: int
    subject: str
    first: str
    markdown: str
    html: str
    pictures: Mapping[str, bytes]
    report: Raw


def plain(text: str) -> str:
    """A text on one line without what steers a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def alert_labels(alert: Alert) -> dict[str, str]:
    """The labels of an alert as Prometheus has them."""
    return {"alertname": alert.rule, "severity": alert.severity, **dict(alert.labels)}


def alert_annotations(message: Message, alert: Alert) -> dict[str, str]:
    """What is said of an alert beside its labels."""
    told = {"summary": plain(alert.message), "id": str(alert.id)}
    title = message.titles.get(dict(alert.labels).get("session", ""))
    return told | ({"title": plain(title)} if title else {})


def webhook_body(message: Message, receiver: str) -> dict[str, Any]:
    """A message as Alertmanager's webhook receiver has it.

    Version 4 (prometheus.io/docs/alerting/latest/configuration, "webhook_config", checked
    2026-11-22).
    """
    alerts = [*message.firing, *message.resolved]
    labels = [alert_labels(each) for each in alerts]
    common = dict.items(labels[0]) if labels else ()
    return {
        "version": "4",
        "groupKey": f'{{}}:{{alertname="{message.rule}"}}',
        "truncatedAlerts": max(len(alerts) - MOST_TOLD, 0),
        "status": "firing" if message.firing else "resolved",
        "receiver": receiver,
        "groupLabels": {"alertname": message.rule},
        "commonLabels": {k: v for k, v in common if all(each.get(k) == v for each in labels)},
        "commonAnnotations": {},
        "externalURL": "",
        "alerts": [
            {
                "status": "resolved" if each.state == "resolved" else "firing",
                "labels": alert_labels(each),
                "annotations": alert_annotations(message, each),
                "startsAt": rfc3339(each.fired_us or each.since_us),
                "endsAt": NEVER if each.resolved_us is None else rfc3339(each.resolved_us),
                "generatorURL": "",
                "fingerprint": f"{key_of(each.rule, *map('='.join, sorted(each.labels))):016x}",
            }
            for each in alerts[:MOST_TOLD]
        ],
    }


def alertmanager_alerts(message: Message) -> list[dict[str, Any]]:
    """A message as Alertmanager's API takes alerts (`POST /api/v2/alerts`).

    Alertmanager ends by itself what it is not told of again: an alert holds until two repeats on.
    """
    ends_us = message.at_us + 2 * REPEAT_INTERVAL_US
    return [
        {
            "labels": alert_labels(each),
            "annotations": alert_annotations(message, each),
            "startsAt": rfc3339(each.fired_us or each.since_us),
            "endsAt": rfc3339(each.resolved_us or ends_us),
        }
        for each in (*message.firing, *message.resolved)
    ]
