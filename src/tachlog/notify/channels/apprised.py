"""Channels that Apprise knows by their URLs: e-mail, Slack, Teams, Telegram, ntfy and many more."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from msgspec.structs import replace

from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.channels import ChannelError
from tachlog.notify.messages import Message, Weekly

TYPES: Final = {"info": "info", "warning": "warning", "critical": "failure"}
MAILS: Final = ("mailto", "mailtos")


def send(channel: Channel, message: Message) -> None:
    """Hand a message to Apprise."""
    kind = TYPES[message.severity] if message.firing else "success"
    _notify(channel, message.subject, "\n".join(message.lines()), kind, "text")


def send_report(channel: Channel, weekly: Weekly) -> None:
    """Hand a weekly report to Apprise: mails are HTML with pictures in it, others Markdown."""
    if channel.kind not in MAILS:
        _notify(channel, weekly.subject, weekly.markdown, "info", "markdown")
        return
    with TemporaryDirectory(prefix="tachlog-") as directory:
        paths = [Path(directory, name) for name in weekly.pictures]
        for path in paths:
            path.write_bytes(weekly.pictures[path.name])
        mail = replace(channel, url=f"{channel.url}{'&' if '?' in channel.url else '?'}inline=yes")
        _notify(mail, weekly.subject, weekly.html, "info", "html", list(map(str, paths)))


def _notify(
    channel: Channel, subject: str, body: str, kind: str, form: str, files: Sequence[str] = ()
) -> None:
    """Let Apprise tell; its own words may hold secrets and are not told."""
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    told = apprise.Apprise()
    if not told.add(channel.url):
        raise ChannelError(f"{channel.kind}: no such kind of channel, or its URL lacks a part")
    try:
        taken = told.notify(
            title=subject, body=body, notify_type=kind, body_format=form, attach=files or None
        )
    except Exception as error:  # noqa: BLE001 - plug-ins of others
        raise ChannelError(f"{channel.kind}: {type(error).__name__}") from None
    if not taken:
        raise ChannelError(f"{channel.kind}: the receiver did not take it")
