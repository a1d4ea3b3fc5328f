"""Channels: each module sends a message in one way.

A module has `send(channel, message)`: it returns when the receiver has taken the message, and else
raises `ChannelError` with words that hold no secret. It may be tried again with the same message.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.messages import Message

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
    import_module(f"{__name__}.{KINDS.get(channel.kind, 'apprised')}").send(channel, message)
