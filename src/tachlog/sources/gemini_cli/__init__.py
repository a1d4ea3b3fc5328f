"""Chats of Gemini CLI: one JSON document each, or JSON lines since; and what headless runs print.

A line may be told again with more in it, or rewound; all that was ever told was spent, and a
message is one by its id. Only the first record names the chat: one without it is a problem.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tachlog.records import first_record
from tachlog.sources import Frame, Source, late, unpacked
from tachlog.sources.gemini_cli.shapes import SKIPS, Head

_head_decoder = msgspec.json.Decoder(Head)

_PRINTED: Final = re.compile(
    rb'\{\s*"session_id"\s*:\s*"[^"]*"\s*,\s*"(?:response|stats|error)"\s*:'
)
_CHAT: Final = re.compile(rb'\{\s*"sessionId"\s*:\s*"[^"]*"\s*,\s*"projectHash"\s*:\s*"')

_QWEN: Final = re.compile(rb'"type"\s*:\s*"qwen"')
"""A reply in chats of Qwen Code 0.1, which look alike (its program, read 2026-11-22)."""


def claims(path: str, head: bytes) -> bool:
    """Whether it begins as a chat does, or as what a headless run prints."""
    name = unpacked(path)
    if name.endswith(".json"):
        start = head.lstrip()
        if _CHAT.match(start):
            return _QWEN.search(start) is None
        return _PRINTED.match(start) is not None
    if not name.endswith(".jsonl"):
        return False
    first = first_record(head, _head_decoder)
    if first is None:
        return False
    if first.type == "init":
        return None not in (first.session_id, first.model)
    return first.type is None and None not in (first.sessionId, first.projectHash)


def frame(path: str, head: bytes) -> Frame:
    """Chats are documents, or lines."""
    name = unpacked(path)
    return "document" if name.endswith(".json") else "lines"


SOURCE = Source(
    name="gemini_cli",
    title="Gemini CLI",
    revision=2,
    frame=frame,
    claims=claims,
    state=late("tachlog.sources.gemini_cli.chunks:State"),
    read=late("tachlog.sources.gemini_cli.chunks:read"),
    skips=SKIPS,
    lives="`~/.gemini/tmp/*/chats/**/*.json`, `*.jsonl`; what `--output-format stream-json` or "
    "`json` prints, where it was saved as `.jsonl` or `.json`",
    tokens="the total says whether `input` holds `cached`; thoughts are added to the output",
    proof="public real JSON chats of January and February 2026; JSON lines recorded by us, 0.61",
    evidence=(
        "https://github.com/entireio/cli: public real chats, 2026-01-09 to 2026-02-03, measured "
        "2026-11-22",
        "0.61.0 recorded against a model stub (JSON lines, stream-json), 2026-11-22",
        "https://github.com/google-gemini/gemini-cli: chatRecordingService.ts and output/types.ts, "
        "read 2026-11-22",
    ),
    gaps=(
        "a chat names no version, and a directory only for sub-agents",
        "a headless run tells the sum of its calls only: it counts as one",
        "when a tool was asked for is told by its id; where it is not, its time is unknown",
    ),
)
