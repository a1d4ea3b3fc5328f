"""Requests and responses that forks of SWE-agent log: `llm_interactions/interactions_*.jsonl`.

A line is a request or its response. A request repeats all that was said before: only what stands
after the last answer in it is new.
"""

from __future__ import annotations

import os.path
from typing import Final

import msgspec
from msgspec import Raw, Struct

from tachlog.sources import Source, late, unpacked

AGENT: Final = "llm_interactions"
_NULL: Final = Raw(b"null")


class Head(Struct):
    """What the detection looks at."""

    type: str = ""
    messages: Raw = _NULL
    request_params: Raw = _NULL
    outputs: Raw = _NULL


_head_decoder = msgspec.json.Decoder(Head)


def claims(path: str, head: bytes) -> bool:
    """Whether the file is named so and begins with a request or a response."""
    if not unpacked(path).endswith(".jsonl"):
        return False
    if not os.path.basename(path).startswith("interactions_"):
        return False
    line, end, _ = head.partition(b"\n")
    if not end:
        return b'"type": "request"' in line[:4096] or b'"type":"request"' in line[:4096]
    try:
        first = _head_decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    asks = first.messages != _NULL or first.request_params != _NULL
    return (first.type == "request" and asks) or (
        first.type == "response" and first.outputs != _NULL
    )


SOURCE = Source(
    name=AGENT,
    title="SWE-agent, logged calls",
    revision=1,
    claims=claims,
    state=late("tachlog.sources.llm_interactions.chunks:State"),
    read=late("tachlog.sources.llm_interactions.chunks:read"),
    skips={},
    lives="`llm_interactions/interactions_<time>.jsonl` where a fork of SWE-agent was started",
    tokens="`prompt_tokens` includes what the cache read; `completion_tokens` is 0 where an answer "
    "has tool calls only",
    proof="public real logs of one fork",
    evidence=(
        "11 public files of https://github.com/SWE-agent/SWE-agent forks, measured 2026-11-22",
    ),
    gaps=(
        "the file's name is the session: agents that share a file share one",
        "times have no zone: they are read as UTC",
        "whether a tool failed is not told",
    ),
)
