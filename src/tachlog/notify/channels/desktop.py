"""A channel to the desktop of this machine, by notify-send."""

from __future__ import annotations

import shutil
import subprocess
from typing import Final

from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.channels import ChannelError
from tachlog.notify.messages import Message, Weekly

TIMEOUT_S: Final = 10
URGENCY: Final = {"info": "low", "warning": "normal", "critical": "critical"}


def send(channel: Channel, message: Message) -> None:
    """Show a message."""
    _show(URGENCY[message.severity], message.subject, "\n".join(message.lines()))


def send_report(channel: Channel, weekly: Weekly) -> None:
    """Show what matters first in a week."""
    _show("normal", weekly.subject, weekly.first)


def _show(urgency: str, subject: str, text: str) -> None:
    command = shutil.which("notify-send")
    if command is None:
        raise ChannelError("notify-send is not on this machine (Debian: apt install libnotify-bin)")
    words = [command, "--app-name=tachlog", f"--urgency={urgency}", "--", subject, text]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ChannelError(f"notify-send: {type(error).__name__}") from None
    if done.returncode:
        raise ChannelError(f"notify-send ended with {done.returncode}: is there a desktop?")
