"""How values and times are written in the example logs."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

_encode = msgspec.json.Encoder().encode


def as_json(value: object) -> str:
    """A value as compact JSON text."""
    return _encode(value).decode()


class Stamps:
    """Writes times as Claude Code does: RFC 3339 in UTC with milliseconds."""

    def __init__(self) -> None:
        self._minute = -1
        self._prefix = ""

    def __call__(self, at_ms: int) -> str:
        """The text of milliseconds since 1970."""
        minute, rest = divmod(at_ms, 60_000)
        if minute != self._minute:
            self._minute = minute
            self._prefix = datetime.fromtimestamp(minute * 60, UTC).strftime("%Y-%m-%dT%H:%M:")
        return f"{self._prefix}{rest // 1000:02d}.{rest % 1000:03d}Z"
