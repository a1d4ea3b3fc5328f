"""OpenHands: conversations of its SDK, logs of single model calls, event lists of before the SDK.

All are documents. The conversation of the SDK is a file per event and a state with the usage; they
meet in the ids of responses, as do logs of single calls.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw

from tachlog.chat import NULL
from tachlog.model import Chunk, Reading, digest_of, key_of
from tachlog.records import decode, lenient
from tachlog.sources import Source, by_document
from tachlog.sources.agent_log.values import moment
from tachlog.sources.openhands import shapes
from tachlog.sources.openhands.classic import EventList
from tachlog.sources.openhands.completions import completion_events
from tachlog.sources.openhands.places import (
    AGENT,
    COMPLETION_NAME,
    EVENT_NAME,
    STATE_NAME,
    beside,
    conversation,
    file_name,
)
from tachlog.sources.openhands.sdk import Teller, state_events

_LOOKED_AT: Final = 4096

_decoder = msgspec.json.Decoder(Raw)


class State(msgspec.Struct):
    """Nothing: every file is a document."""


def claims(path: str, head: bytes) -> bool:
    """Whether a file is named, and begins, as one of the documents."""
    name = file_name(path)
    start = head.lstrip()
    if not name.endswith(".json"):
        return False
    if start.startswith(b"["):
        fields = (b'"id"', b'"timestamp"', b'"source"')
        return all(field in start for field in fields) and (
            b'"action"' in start or b'"observation"' in start
        )
    if not start.startswith(b"{"):
        return False
    if name == STATE_NAME:
        return b'"agent"' in start or b'"stats"' in start
    if EVENT_NAME.fullmatch(name):
        return b'"id"' in start or b'"kind"' in start
    return COMPLETION_NAME.fullmatch(name) is not None and b'"messages"' in start[:_LOOKED_AT]


def read(chunk: Chunk, state: State) -> Reading:
    """What a document tells."""
    documents, problems = decode(chunk, _decoder, AGENT)
    reading = Reading([], [], {}, {}, problems)
    for raw in documents:
        both = lenient(raw, shapes.Document)
        if both is not None and both.document != NULL:
            tell(both.document, both.beside, chunk.path, reading)
        else:
            tell(raw, [], chunk.path, reading)
    return reading


def tell(raw: Raw, others: list[Raw], path: str, reading: Reading) -> None:
    """Tell one document, given what lies beside it; which one it is shows in what it has."""
    events = lenient(raw, list[Raw])
    document = lenient(raw, shapes.Document) or shapes.Document()
    if events is not None:
        EventList(events, reading).tell()
    elif document.kind is not None and (event := lenient(raw, shapes.Event)):
        Teller(event, raw, conversation(path, state_id(others)), reading).tell()
    elif document.has_stats and (found := lenient(raw, shapes.BaseState)):
        thread = conversation(path, found.id)
        reading.record_keys.append(key_of(AGENT, "state of", thread.session_id))
        state_events(found, times_of(others), thread, reading)
    elif document.response != NULL and (call := lenient(raw, shapes.Completion)):
        completion_events(call, raw, reading)
    else:
        reading.unknown["document/unreadable"] = reading.unknown.get("document/unreadable", 0) + 1
        reading.record_keys.append(digest_of(bytes(raw)))


def state_id(others: list[Raw]) -> str | None:
    """The conversation that the state beside an event names."""
    states = (lenient(raw, shapes.BaseState) for raw in others)
    return next((state.id for state in states if state is not None and state.id), None)


def times_of(others: list[Raw]) -> dict[str, int]:
    """When the calls of a conversation were written, by response id, as its events tell it."""
    times: dict[str, int] = {}
    for raw in others:
        event = lenient(raw, shapes.Event)
        if event is not None and event.llm_response_id:
            found = moment(event.timestamp)
            at_us = found[0] if found else 0
            times[event.llm_response_id] = max(times.get(event.llm_response_id, 0), at_us)
    return times


SOURCE = Source(
    name=AGENT,
    title="OpenHands",
    revision=1,
    frame=by_document,
    beside=beside,
    claims=claims,
    state=State,
    read=read,
    skips=shapes.SKIPS,
    lives="`<persistence>/<conversation>/base_state.json` and `events/event-*.json`; "
    "`logs/completions/**/*.json`; lists of events as trajectories were saved before 1.0",
    tokens="`prompt_tokens` includes what the cache read and wrote; `completion_tokens` includes "
    "reasoning",
    proof="public real logs of the SDK 1.0 to 1.17, of completion logs, and of 0.5x (one list)",
    evidence=(
        "public real logs of the SDK 1.0 to 1.17 and of 0.59, measured 2026-11-22",
        "https://github.com/OpenHands/software-agent-sdk, openhands/sdk/event, checked 2026-11-22",
    ),
    gaps=(
        "times have no zone: they are read as UTC",
        "completion logs name no conversation: calls that begin alike count as one",
        "`output.jsonl` of the evaluations of before the SDK is not read",
        "how a tool ended that a completion log tells is known by an exit code in its text only",
    ),
)
