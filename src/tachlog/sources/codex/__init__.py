"""Codex rollouts: `$CODEX_HOME/sessions/**/rollout-*.jsonl[.zst]`, and saved `codex exec --json`.

One file is the history of one thread. Its records have no session and mostly no ids of their own,
so what they belong to is carried along in a small state: thread, turn, response, running totals.
A fork begins with a copy of its parent's lines, stamped anew; keys are made from what the copy
keeps (turn, place in the turn, call and response ids), so that both tell the same operations.
"""

from __future__ import annotations

import msgspec

from tachlog.sources import Source, late
from tachlog.sources.codex import shapes

_head_decoder = msgspec.json.Decoder(shapes.Head)

_RECORDS = frozenset(
    ("session_meta", "response_item", "event_msg", "turn_context", "token_usage_record")
)


def claims(path: str, head: bytes) -> bool:
    """Whether one of the first whole records has the shape of a rollout's or a printed event's."""
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", 40)[:40]
    for line in lines:
        try:
            record = _head_decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if record.type in _RECORDS:
            return record.timestamp is not None and is_object(record.payload)
        if record.type in shapes.KINDS:
            return bool(record.thread_id) or is_object(record.item) or is_object(record.usage)
    return all(name in lines[0][:400] for name in (b'"timestamp"', b'"session_meta"', b'"payload"'))


def is_object(raw: msgspec.Raw) -> bool:
    """Whether a field holds an object."""
    return bytes(raw).startswith(b"{")


SOURCE = Source(
    name="codex",
    title="Codex CLI",
    revision=3,
    claims=claims,
    state=late("tachlog.sources.codex.chunks:State"),
    read=late("tachlog.sources.codex.chunks:read"),
    skips=shapes.SKIPS,
    lives="`$CODEX_HOME`, else `~/.codex`: `sessions/**/rollout-*.jsonl`, `archived_sessions/`, "
    "also as `.jsonl.zst`; `codex exec --json` where it was saved",
    tokens="`input_tokens` includes what was read from and written to the cache, `output_tokens` "
    "includes reasoning; running totals until about 0.14x, then a record for each response",
    proof="public real logs, 0.34 to 0.142; recorded by us, 0.169",
    evidence=(
        "public real logs of versions 0.34.0, 0.70.0, 0.72.0, 0.125.0 to 0.128.0 and 0.142.0, "
        "measured 2026-11-22",
        "0.169.0 recorded against a model stub (tools, sub-agent, fork, compaction, errors, "
        "resume), 2026-11-22",
        "https://github.com/openai/codex (rollout and protocol sources), checked 2026-11-22",
    ),
    gaps=(
        "attempts of a model call that Codex made again, and their errors, are not logged",
        "rollouts before 0.32, whose lines have no type, are not read",
        "until 0.58 a call and its output are written together: without a duration in the output "
        "there is none",
        "a fork of a fork from before turns had ids is told apart by what it copied",
        "a fork stamps what it copies anew: where the log of its original is gone, a model call of "
        "that seems to end when it was copied",
        "commands inside of a script that the model ran as one tool call are not told apart",
        "`codex exec --json` prints no times, and the usage of a thread as one total",
    ),
)
