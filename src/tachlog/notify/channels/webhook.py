"""A webhook of our own: Alertmanager's JSON, signed with HMAC-SHA256."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any, Final

import msgspec

from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.channels.posting import post
from tachlog.notify.messages import Message, Weekly, webhook_body

SIGNATURE: Final = "X-Tachlog-Signature"
DELIVERY: Final = "X-Tachlog-Delivery"


def send(channel: Channel, message: Message) -> None:
    """POST a message; `X-Tachlog-Delivery` is the same for each try of it."""
    _post(channel, webhook_body(message, channel.name), message.digest, message.at_us)


def send_report(channel: Channel, weekly: Weekly) -> None:
    """POST a weekly report: as Markdown, and as `tachlog report --format json` has it."""
    told = {
        "type": "weekly_report",
        "receiver": channel.name,
        "week": weekly.week,
        "subject": weekly.subject,
        "markdown": weekly.markdown,
        "report": weekly.report,
    }
    _post(channel, told, weekly.digest, weekly.at_us)


def _post(channel: Channel, told: dict[str, Any], digest: str, at_us: int) -> None:
    body = msgspec.json.encode(told)
    headers = {DELIVERY: digest}
    if channel.secret:
        headers[SIGNATURE] = signature(channel.secret, at_us // 1_000_000, body)
    post(channel, "", body, headers)


def signature(secret: str, at_s: int, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: the HMAC of the seconds, a full stop and the body."""
    digest = hmac.new(secret.encode(), b"%d.%b" % (at_s, body), sha256).hexdigest()
    return f"t={at_s},v1={digest}"
