"""Channels: each module sends a message in one way.

A module has `send(channel, message)`: it returns when the receiver has taken the message, and else
raises `ChannelError` with words that hold no secret. It may be tried again with the same message.
Those that take more than alerts have `send_report(channel, weekly)` with the same promise.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.messages import Message, Weekly

KINDS: Final = {
    "desktop": "desktop",
    "stdout": "printed",
    "webhook+http": "webhook",
    "webhook+https": "webhook",
    "alertmanager+http": "alertmanager",
    "alertmanager+https": "alertmanager",
}
"""The module of each kind of URL; Apprise knows the others."""


class ChannelError(Exception):
    """A channel could not be told; the message says why, without any secret."""


def send(channel: Channel, message: Message) -> None:
    """Send a message; raises `ChannelError`."""
    _module(channel).send(channel, message)


def send_report(channel: Channel, weekly: Weekly) -> None:
    """Send a weekly report to a channel that takes more than alerts; raises `ChannelError`."""
    _module(channel).send_report(channel, weekly)


def _module(channel: Channel) -> Any:
    return import_module(f"{__name__}.{KINDS.get(channel.kind, 'apprised')}")
