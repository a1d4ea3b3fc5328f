"""A channel that prints: for logs, pipes and a first look."""

from __future__ import annotations

from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.messages import Message, Weekly


def send(channel: Channel, message: Message) -> None:
    """Print a message."""
    print("\n  ".join([message.subject, *message.lines()]), flush=True)


def send_report(channel: Channel, weekly: Weekly) -> None:
    """Print a weekly report."""
    print(weekly.markdown, flush=True)
