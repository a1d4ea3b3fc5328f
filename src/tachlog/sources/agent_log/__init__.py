"""AgentLog, the plain record that other systems hand in: one JSON object, or one table row, each.

Every row is one message. Role `user` is a `Prompt`; `usage`, role `assistant`, or a `response_time`
that is not the time of a tool is a `Reply`; `tool_calls` is a `ToolCall` with its `ToolResult`; an
`error` is a `Failure`, or tells about the tool call that failed. A row that tells none of these is
a `Prompt`.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from tachlog.model import is_table
from tachlog.sources import Source, late, unpacked


class Head(Struct):
    """What the detection looks at."""

    session_id: int | str | None = None
    log_timestamp: Raw = Raw()
    structured_data: Raw = Raw()
    tool_calls: Raw = Raw()
    response_time: Raw = Raw()
    sessionId: Raw = Raw()
    parentUuid: Raw = Raw()

    @property
    def telling(self) -> bool:
        """Whether a record like this is an AgentLog; Claude Code's lines may name a session too."""
        if self.session_id is None or bytes(self.sessionId) or bytes(self.parentUuid):
            return False
        return any(
            bytes(field)
            for field in (
                self.log_timestamp,
                self.structured_data,
                self.tool_calls,
                self.response_time,
            )
        )


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


SOURCE = Source(
    name="agent_log",
    title="AgentLog",
    revision=1,
    claims=claims,
    state=late("tachlog.sources.agent_log.chunks:State"),
    read=late("tachlog.sources.agent_log.chunks:read"),
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
