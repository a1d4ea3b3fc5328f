"""A webhook of our own: Alertmanager's JSON, signed with HMAC-SHA256."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Final

import msgspec

from tachlog.analysis.alerting.channels import Channel
from tachlog.notify.channels.posting import post
from tachlog.notify.messages import Message, webhook_body

SIGNATURE: Final = "X-Tachlog-Signature"
DELIVERY: Final = "X-Tachlog-Delivery"


def send(channel: Channel, message: Message) -> None:
    """POST a message; `X-Tachlog-Delivery` is the same for each try of it."""
    body = msgspec.json.encode(webhook_body(message, channel.name))
    headers = {DELIVERY: message.digest}
    if channel.secret:
        headers[SIGNATURE] = signature(channel.secret, message.at_us // 1_000_000, body)
    post(channel, "", body, headers)


def signature(secret: str, at_s: int, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: the HMAC of the seconds, a full stop and the body."""
    digest = hmac.new(secret.encode(), b"%d.%b" % (at_s, body), sha256).hexdigest()
    return f"t={at_s},v1={digest}"
