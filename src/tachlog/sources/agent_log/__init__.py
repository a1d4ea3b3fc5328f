"""AgentLog, the plain record that other systems hand in: one JSON object, or one table row, each.

Every row is one message. Role `user` is a `Prompt`; `usage`, role `assistant`, or a `response_time`
that is not the time of a tool is a `Reply`; `tool_calls` is a `ToolCall` with its `ToolResult`; an
`error` is a `Failure`, or tells about the tool call that failed. A row that tells none of these is
a `Prompt`.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tachlog import signals
from tachlog.model import Chunk, Mark, Reading, Thread, is_table
from tachlog.records import decode
from tachlog.sources import Source, unpacked
from tachlog.sources.agent_log.rows import Message, refuse
from tachlog.sources.agent_log.shapes import AGENT, Head, Row


class State(Struct):
    """Nothing: every row stands for itself."""


_row_decoder = msgspec.json.Decoder(Row)
_head_decoder = msgspec.json.Decoder(Head)


def claims(path: str, head: bytes) -> bool:
    """Whether one of the first whole records, or a CSV file's header, has an AgentLog's fields."""
    name = unpacked(path).lower()
    head = head.removeprefix(b"\xef\xbb\xbf")
    if name.endswith((".csv", ".tsv")) and not head.lstrip().startswith(b"{"):
        return _claims_header(head)
    if not by_row(path) and not name.endswith((".jsonl", ".ndjson")):
        return False
    if b'"session_id"' not in head:
        return False
    for line in head.split(b"\n", 40)[:40]:
        try:
            record = _head_decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if record.telling:
            return True
    return False


def _claims_header(head: bytes) -> bool:
    first = head.lstrip().partition(b"\n")[0].decode("utf-8", "replace")
    for delimiter in ",;\t":
        names = {name.strip(' "\r') for name in first.split(delimiter)}
        if "session_id" in names and len(names & set(Head.__struct_fields__)) > 1:
            return True
    return False


def by_row(path: str) -> bool:
    """Whether what is read from here are the rows of a table, counted one by one."""
    name = unpacked(path).lower()
    return is_table(path) or name.endswith((".csv", ".tsv"))


def read(chunk: Chunk, state: State) -> Reading:
    """What the rows of a chunk tell."""
    rows, problems = decode(chunk, _row_decoder, AGENT, refuse=refuse, by_row=by_row(chunk.path))
    reading = Reading([], [], {}, {}, problems)
    titles: dict[Thread, tuple[int, str]] = {}
    for row in rows:
        message = Message(row, reading.unknown)
        reading.record_keys.append(message.key)
        reading.events += message.events()
        first = titles.get(message.thread)
        if message.spoken and (first is None or message.at_us <= first[0]):
            title = signals.title(message.text)
            if title:
                told = (message.at_us, title)
                titles[message.thread] = min(first or told, told)
    for thread, (at_us, title) in titles.items():
        reading.events.append(Mark(thread, at_us, "title.prompt", title))
    return reading


SOURCE = Source(
    name=AGENT,
    title="AgentLog",
    revision=1,
    claims=claims,
    state=State,
    read=read,
    skips={},
    lives="anywhere: `*.ndjson`, `*.jsonl`, `*.csv`, or a table of an SQL database",
    tokens="`structured_data.usage` as reported, in disjoint buckets; else estimated from the text",
    proof="the plain record that other systems hand in; no public logs of it exist",
    evidence=(
        "docs/design.md, AgentLog, checked 2026-11-22",
        "https://docs.litellm.ai/docs/completion/prompt_caching, checked 2026-11-22",
        "https://docs.x.ai/developers/advanced-api-usage/prompt-caching, checked 2026-11-22",
    ),
    gaps=(
        "a row tells one moment: when it was logged; durations are what it reports",
        "a tool call without a duration of its own has the row's response time",
        "how long a failed model call took is not kept",
        "a wait in the queue is kept for prompts only",
    ),
)
