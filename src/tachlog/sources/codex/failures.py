"""Failures of model calls and turns in Codex rollouts."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Raw

from tachlog import signals
from tachlog.model import Event, Failure, Mark, Thread, digest_of
from tachlog.records import lenient
from tachlog.sources.codex import shapes
from tachlog.sources.codex.state import State

_SAME_AS: Final = {
    "bio_policy": "cyber_policy",
    "flex_unavailable": "unavailable",
    "misalignment_policy_violation": "cyber_policy",
    "model_cap": "usage_limit",
    "server_overloaded": "overloaded",
    "session_budget_exceeded": "usage_limit",
    "usage_limit_exceeded": "usage_limit",
}
"""Codex's names of errors in the words that every agent's errors are classed by."""

_ATTEMPT: Final = re.compile(r"Reconnecting\D{0,5}(\d{1,4})/\d")


def failure_of(text: str, info: Raw, state: State, thread: Thread, at_us: int) -> list[Event]:
    """An error that ended a turn, or an attempt that is made again; `info` is its class.

    A turn's end repeats the error event before it: both have one key.
    """
    name, status = _class_of(info)
    attempt = _ATTEMPT.match(text)
    key = state.place_key("failure", str(digest_of(text.encode("utf-8", "surrogatepass"))))
    failure = Failure(
        key,
        thread,
        at_us,
        signals.error_class(text, status=status, error_type=_SAME_AS.get(name or "", name)),
        status,
        int(attempt[1]) if attempt else None,
        fingerprint=signals.fingerprint(text),
        excerpt=signals.excerpt(text),
        model=state.model if state.model != "unknown" else None,
    )
    if _SAME_AS.get(name or "") != "usage_limit":
        return [failure]
    return [failure, Mark(thread, at_us, "limit", signals.excerpt(text))]


def _class_of(info: Raw) -> tuple[str | None, int | None]:
    """The name of an error, and its HTTP status: `name`, or `{name: {http_status_code}}`."""
    name = lenient(info, str)
    if name is not None:
        return name, None
    for name, body in (lenient(info, dict[str, Raw]) or {}).items():
        told = lenient(body, shapes.ErrorStatus)
        return name, told.http_status_code if told else None
    return None, None
