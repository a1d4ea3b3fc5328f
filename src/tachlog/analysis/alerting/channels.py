"""Channels as they are written, each a `[[channels]]`: where to, and who is told of what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Annotated, Final

from msgspec import Meta, Struct

from tachlog.analysis.alerting.texts import SEVERITIES, Severity, Text

PLAIN_KINDS: Final = ("desktop", "stdout")
_HOURS: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)-([01]?\d|2[0-3]):([0-5]\d)")


class Channel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way to tell somebody.

    `url` says how: `webhook+https://…`, `alertmanager+http://…`, `desktop`, `stdout`, or a URL of
    Apprise. Told are alerts of these `severities` whose labels (and `rule`, `severity`) are those
    of `match`; within `quiet_hours` (`22:00-07:00`) critical ones alone. `hints` lets titles of
    sessions out. `private` lets a webhook go to an address of a private network; `secret` signs it.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,49}$")]
    url: Text
    severities: tuple[Severity, ...] = SEVERITIES
    match: dict[str, str] = {}
    quiet_hours: str = ""
    hints: bool = False
    send_resolved: bool = True
    private: bool = False
    secret: str = ""

    @property
    def kind(self) -> str:
        """What its URL begins with."""
        return self.url.partition(":")[0].lower()

    @property
    def shown(self) -> str:
        """Where it goes, without what must stay secret: hosts and paths of others may be tokens."""
        scheme, sign, rest = self.url.partition("://")
        if not sign:
            return self.kind
        if not scheme.startswith(("webhook+", "alertmanager+")):
            return f"{scheme}://…"
        host = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
        return f"{scheme}://{host}/…"

    def is_quiet(self, at_us: int, zone: tzinfo) -> bool:
        """Whether quiet hours hold at a moment, by the clock on the wall."""
        found = _HOURS.fullmatch(self.quiet_hours)
        if found is None:
            return False
        begin, end = (60 * int(found[n]) + int(found[n + 1]) for n in (1, 3))
        wall = datetime.fromtimestamp(at_us / 1e6, zone)
        now = 60 * wall.hour + wall.minute
        return begin <= now < end if begin <= end else now >= begin or now < end


def channels_fault(channels: Sequence[Channel]) -> str | None:
    """What is wrong in the first channel that cannot be; its URL is not told."""
    names: set[str] = set()
    for place, each in enumerate(channels):
        where = f"channels[{place}] ({each.name})"
        if each.name in names:
            return f"{where}: another channel has this name"
        names.add(each.name)
        if "://" not in each.url and each.url not in PLAIN_KINDS:
            return f"{where}: url is no URL, nor {' or '.join(PLAIN_KINDS)}"
        if each.quiet_hours and not _HOURS.fullmatch(each.quiet_hours):
            return f"{where}: quiet_hours = {each.quiet_hours!r} is no span such as 22:00-07:00"
    return None
