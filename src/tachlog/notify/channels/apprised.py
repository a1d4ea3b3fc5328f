"""Channels that Apprise knows by their URLs: e-mail, Slack, Teams, Telegram, ntfy and many more."""

from __future__ import annotations

import logging
from typing import Final

from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.channels import ChannelError
from tachlog.notify.messages import Message

TYPES: Final = {"info": "info", "warning": "warning", "critical": "failure"}


def send(channel: Channel, message: Message) -> None:
    """Hand a message to Apprise, whose own words may hold secrets and are not told."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    told = apprise.Apprise()
    if not told.add(channel.url):
        raise ChannelError(f"{channel.kind}: no such kind of channel, or its URL lacks a part")
    kind = TYPES[message.severity] if message.firing else "success"
    try:
        taken = told.notify(
            title=message.subject,
            body="\n".join(message.lines()),
            notify_type=kind,
            body_format="text",
        )
    except Exception as error:  # noqa: BLE001 - plug-ins of others
        raise ChannelError(f"{channel.kind}: {type(error).__name__}") from None
    if not taken:
        raise ChannelError(f"{channel.kind}: the receiver did not take it")
