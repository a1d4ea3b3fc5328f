"""What single records of Claude Code transcripts mean, beyond the cases."""

import json
from typing import Any

import msgspec
import pytest

from tachlog.model import Chunk, Features, Mark, Prompt, Reading, Reply
from tachlog.providers import provider_of
from tachlog.sources import all_sources, detect
from tachlog.sources.claude_code import SOURCE, chunks, claims

TIME = "2026-03-02T09:00:00.000Z"


def read(*records: dict[str, Any], state: Any = None, path: str = "s1.jsonl") -> Reading:
    """What the source makes of records."""
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    return chunks.read(Chunk(path, 0, data, True), state or SOURCE.state())


def reply(**fields: Any) -> dict[str, Any]:
    """A reply's line."""
    message = {"id": "msg_1", "model": "claude-opus-5", "usage": {"output_tokens": 1}}
    return {"type": "assistant", "uuid": "u1", "timestamp": TIME, "message": message, **fields}


def test_state_stays_small() -> None:
    """However many requests and prompts are never taken up, only the latest are remembered."""
    state = SOURCE.state()
    requests = [{"type": "api-request", "id": f"r{n}", "timestamp": TIME} for n in range(2_000)]
    waiting = {"type": "queue-operation", "operation": "enqueue", "timestamp": TIME}
    read(*requests, *[waiting] * 2_000, state=state)
    assert len(msgspec.msgpack.encode(state)) < 10_000
    (event,) = read(reply(requestRef="r1999", sessionId="s1"), state=state).events
    assert isinstance(event, Reply)
    assert event.sent_us == event.at_us
    assert read(reply(requestRef="r0"), state=state).events[0].sent_us is None  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["/p/s1.jsonl", "/p/s1.jsonl.gz"])
def test_records_without_a_session_belong_to_their_file(path: str) -> None:
    """The session is the one that was named last in the file, else the one the file is named by."""
    cost = {"type": "cost-state", "totalCostUSD": 0.25}
    first, _, then = read(cost, reply(sessionId="s2"), cost, path=path).events
    assert isinstance(first, Mark)
    assert (first.thread.session_id, first.value) == ("s1", "250000000")
    assert then.thread.session_id == "s2"


def test_a_time_that_cannot_be_is_not_told() -> None:
    """A zero time counts as the time of the record before it, and is noted like a missing zone."""
    zero, naive = "0001-01-01T00:00:00Z", TIME.removesuffix("Z")
    reading = read(reply(), reply(uuid="u2", timestamp=zero), reply(uuid="u3", timestamp=naive))
    replies = [event.at_us for event in reading.events if isinstance(event, Reply)]
    assert replies == [replies[0]] * 3
    assert reading.unknown == {"timestamp/impossible": 1, "timestamp/no_zone": 1}


def features_of(version: str | None, *blocks: dict[str, Any]) -> Features:
    """What is counted of a reply of these blocks."""
    message = {"id": "msg_1", "model": "claude-opus-5", "content": list(blocks)}
    record = {"type": "assistant", "uuid": "u1", "timestamp": TIME, "message": message}
    (told,) = [e for e in read({**record, "version": version}).events if isinstance(e, Reply)]
    return told.features


def test_thinking_is_told_by_its_seal() -> None:
    """A long signature or encrypted thinking counts by its length, before any summary of it."""
    signed = {"type": "thinking", "thinking": "In short: no.", "signature": "A" * 400}
    sealed = {"type": "redacted_thinking", "data": "B" * 300}
    assert features_of("2.1.0", signed, sealed) == Features(sealed=700, seals=2)
    named = {"type": "thinking", "thinking": "Let me see.", "signature": "id-of-36-characters"}
    assert features_of("2.1.0", named) == Features(thinking=11, symbols=1)
    assert features_of("2.1.0", {"type": "thinking", "thinking": ""}) == Features(hidden=1)


@pytest.mark.parametrize(
    ("version", "written"), [("2.0.53", True), ("2.0.54", False), (None, True)]
)
def test_a_plan_that_the_program_added_is_not_the_models(
    version: str | None, written: bool
) -> None:
    """Since 2.0.54 the plan in the input of ExitPlanMode comes from a file that is told already."""
    allowed = {"allowedPrompts": [{"tool": "Bash", "prompt": "run tests"}]}
    tool = {"type": "tool_use", "id": "t1", "name": "ExitPlanMode"}
    full = features_of(version, {**tool, "input": {**allowed, "plan": "1. Do it. " * 900}})
    bare = features_of(version, {**tool, "input": allowed})
    assert (full.tool_text > 9_000) == written
    assert (full == bare) != written


def test_inner_records_of_other_kinds_tell_nothing() -> None:
    """Inside of a sub-agent's progress only its replies and the words said to it count."""
    inner = {"type": "system", "message": {"role": "user", "content": "words"}}
    data = {"type": "agent_progress", "agentId": "a1", "message": inner}
    record = {"type": "progress", "sessionId": "s1", "timestamp": TIME, "data": data}
    reading = read(record)
    assert not [event for event in reading.events if isinstance(event, Prompt | Reply)]
    assert len(reading.record_keys) == 1


@pytest.mark.parametrize(
    ("head", "claimed"),
    [
        (b'{"type":"user","sessionId":"s","uuid":"u","isSidechain":false}', True),
        (b'{"type":"queue-operation","operation":"enqueue","sessionId":"s"}', True),
        (b'{"type":"summary","summary":"x","leafUuid":"u"}\n', True),
        (b'{"type":"file-history-snapshot","messageId":"m"}\n', True),
        (b'{"type":"mode","mode":"default","sessionId":"s"}\n', True),
        (b'\xef\xbb\xbfnot json\n{"type":"ai-title","sessionId":"s"}\n', True),
        (b'{"parentUuid":null,"isSidechain":false,"sessionId":"s","message":{"content":"cut', True),
        (b'{"type":"summary","summary":"x"}\n', False),
        (b'{"type":"session_meta","payload":{"id":"s"},"sessionId":"s"}\n', False),
        (b'{"type":"user","sessionId":"s"}\n', False),
        (b'{"type":"file-history-snapshot"}\n', False),
        (b'"sessionId"\n', False),
    ],
)
def test_claims(head: bytes, claimed: bool) -> None:
    """A transcript is known by the shape of its records, also when the first is cut off."""
    assert claims("a.jsonl", head) is claimed
    assert detect("a.jsonl.zst", head) is (all_sources()["claude_code"] if claimed else None)
    assert not claims("a.json", head)


@pytest.mark.parametrize(
    ("model", "message_id", "provider"),
    [
        ("claude-opus-5", "msg_01", "anthropic"),
        ("claude-opus-5", "msg_vrtx_01", "google-vertex"),
        ("claude-opus-5", "msg_bdrk_01", "aws-bedrock"),
        ("openrouter/GLM-5.1", "", "zhipu"),
        ("us.anthropic.claude-opus-5", "", "anthropic"),
        ("in-house-7b", "", "unknown"),
    ],
)
def test_provider(model: str, message_id: str, provider: str) -> None:
    """Who served a call follows from the message id, else from the model's name."""
    assert provider_of(model, message_id) == provider
