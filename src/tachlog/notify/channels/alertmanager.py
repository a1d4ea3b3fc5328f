"""A channel to Prometheus' Alertmanager, over its API."""

from __future__ import annotations

import msgspec

from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.channels.posting import post
from tachlog.notify.messages import Message, alertmanager_alerts


def send(channel: Channel, message: Message) -> None:
    """Hand the alerts of a message over; Alertmanager groups and tells them by its own rules."""
    post(channel, "/api/v2/alerts", msgspec.json.encode(alertmanager_alerts(message)), {})
