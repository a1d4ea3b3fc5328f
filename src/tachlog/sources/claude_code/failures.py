"""Failures of model calls in Claude Code transcripts: attempts tried again, and errors told."""

from __future__ import annotations

from tachlog import signals
from tachlog.model import Event, Failure, Mark, Thread, key_of
from tachlog.records import lenient
from tachlog.sources.claude_code import shapes
from tachlog.sources.claude_code.results import text_of
from tachlog.sources.claude_code.shapes import Record, whole


def failure_key(request: str | None, record: int) -> int:
    """The key of a failed attempt: its request's, so that all who tell of it tell of one.

    Claude Code's transcripts and its telemetry name the same request (2.1.330, recorded
    2026-11-22); `record` is the key of a record that names none, such as a lost connection's.
    """
    return key_of("claude_code", "failure", request) if request else record


def api_failure(record: Record, thread: Thread, at_us: int, key: int) -> Failure:
    """One attempt of a model call that failed and will be tried again."""
    told = lenient(record.error, shapes.ApiError) or shapes.ApiError()
    body = told.error
    while body is not None and body.error is not None:
        body = body.error
    status = whole(told.status)
    code = told.connection.code if told.connection else None
    text = (body and body.message) or told.formatted or told.message or code or ""
    return Failure(
        failure_key(told.requestId or told.requestID, key),
        thread,
        at_us,
        signals.error_class(text, status=status, error_type=(body and body.type) or code),
        status,
        whole(record.retryAttempt),
        whole(record.retryInMs),
        signals.fingerprint(text),
        signals.excerpt(text),
    )


def synthetic_events(record: Record, thread: Thread, at_us: int, key: int) -> list[Event]:
    """A reply that the program wrote itself: an error that it tells the person, or mere words.

    The error is an attempt of its own: those before it that were tried again have records of their
    own, the last one has only this (2.1.330: three requests, two records; recorded 2026-11-22).
    """
    if not record.isApiErrorMessage:
        return []
    text = text_of(record.message.content if record.message else None)
    excerpt = signals.excerpt(text)
    status = whole(record.apiErrorStatus)
    events: list[Event] = [
        Failure(
            failure_key(record.requestId, key),
            thread,
            at_us,
            signals.error_class(text, status=status, error_type=lenient(record.error, str)),
            status,
            fingerprint=signals.fingerprint(text),
            excerpt=excerpt,
        )
    ]
    if "limit" in text and ("reached" in text or "hit your" in text):
        events.append(Mark(thread, at_us, "limit", excerpt))
    return events
