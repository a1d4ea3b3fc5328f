"""What to tell a channel of a rule's alerts now, given what it was told last.

Group wait, group interval and repeat interval are Alertmanager's (docs/configuration.md, checked
2026-11-22): an alert waits half a minute for others of its rule, and is not told if it ends within
that; what changes is told five minutes after the last message at the earliest; what goes on
unchanged is told again after four hours. Pure: the last message and the alerts are all there is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo
from typing import Final

from msgspec import Struct

from tachlog.analysis.alerting.channels import Channel
from tachlog.analysis.alerting.lifecycle import Alert
from tachlog.analysis.alerting.texts import Severity

GROUP_WAIT_US: Final = 30_000_000
GROUP_INTERVAL_US: Final = 300_000_000
REPEAT_INTERVAL_US: Final = 4 * 3_600_000_000
SKEW_US: Final = 60_000_000
"""How far the clocks of two servers may be apart; what lies further ahead was a wrong clock."""


class Told(Struct, frozen=True):
    """What a channel knows of a rule, and when the last message went.

    `open` are the severities by id of the alerts that were told as firing and not as ended.
    """

    at_us: int
    open: dict[str, Severity] = {}


class Notice(Struct, frozen=True):
    """What a message tells: alerts that fire, alerts that ended; `open` is what is known then."""

    firing: list[Alert]
    resolved: list[Alert]
    open: dict[str, Severity]


def due(
    channel: Channel,
    alerts: Sequence[Alert],
    suppressed: Collection[object],
    last: Told | None,
    now_us: int,
    zone: tzinfo,
) -> Notice | None:
    """The message that is due to a channel about one rule; None for none.

    `alerts` are those of the rule that fire or are acknowledged, and those among `last.open` that
    ended; `suppressed` are the ids of those that nobody is told of. Acknowledged alerts are not
    told again, only that they ended.
    """
    known: Mapping[str, Severity] = last.open if last else {}
    quiet = channel.is_quiet(now_us, zone)
    seen = [each for each in alerts if each.id not in suppressed and not _held(each, quiet)]
    firing = [each for each in seen if each.state == "firing" and accepts(channel, each)]
    fresh = [each for each in firing if known.get(str(each.id)) != each.severity]
    resolved = [each for each in seen if each.state == "resolved" and str(each.id) in known]
    waited = any(is_over(each.fired_us or 0, GROUP_WAIT_US, now_us) for each in fresh)
    if waited or (resolved and channel.send_resolved):
        is_time = last is None or is_over(last.at_us, GROUP_INTERVAL_US, now_us)
    else:
        is_time = (
            last is not None and bool(firing) and is_over(last.at_us, REPEAT_INTERVAL_US, now_us)
        )
    if not is_time:
        return None
    going_on = {str(each.id) for each in alerts} - {str(each.id) for each in resolved}
    kept = {name: severity for name, severity in known.items() if name in going_on}
    kept |= {str(each.id): each.severity for each in firing}
    return Notice(firing, resolved if channel.send_resolved else [], kept)


def accepts(channel: Channel, alert: Alert) -> bool:
    """Whether a channel is told of such an alert at all."""
    told = dict(alert.labels) | {"rule": alert.rule, "severity": alert.severity}
    return alert.severity in channel.severities and all(
        told.get(name) == value for name, value in channel.match.items()
    )


def is_over(begun_us: int, span_us: int, now_us: int) -> bool:
    """Whether a span is over; one that began well in the future was begun by a wrong clock."""
    return not -SKEW_US <= now_us - begun_us < span_us


def _held(alert: Alert, quiet: bool) -> bool:
    return quiet and alert.severity != "critical"
