"""Sessions of the pi coding agent: `<time>_<session>.jsonl`, a header and then a tree of entries.

Entries carry no session, so it is the header's; one without a header before it is a problem. A fork
copies entries, whose ids older versions do not have: a message is told by its time, model and
counts. What `pi --mode json` prints is read as well.
"""

from __future__ import annotations

import msgspec

from tachlog.records import first_record
from tachlog.sources import Source, late, unpacked
from tachlog.sources.pi.shapes import SKIPS, Head

_head_decoder = msgspec.json.Decoder(Head)


def claims(path: str, head: bytes) -> bool:
    """Whether the first record is a session's header."""
    if not unpacked(path).endswith(".jsonl"):
        return False
    first = first_record(head, _head_decoder)
    if first is None:
        return False
    return first.type == "session" and None not in (first.id, first.timestamp, first.cwd)


SOURCE = Source(
    name="pi",
    title="pi",
    revision=1,
    claims=claims,
    state=late("tachlog.sources.pi.chunks:State"),
    read=late("tachlog.sources.pi.chunks:read"),
    skips=SKIPS,
    lives="`$PI_CODING_AGENT_SESSION_DIR`, else `~/.pi/agent/sessions`: `**/*.jsonl`",
    tokens="four disjoint counts as reported; `output` includes reasoning; costs are reported",
    proof="public real logs of November and December 2025; recorded by us, 0.73",
    evidence=(
        "https://github.com/badlogic/pi-mono: public real logs, 2025-11-20 to 2025-12-24, measured"
        " 2026-11-22; they name no version",
        "docs/session-format.md, docs/message-types.md and docs/json.md of 1.5.2, read 2026-11-22",
    ),
    gaps=(
        "no durations of tools are told: they are the time from call to result",
        "a compaction does not name its model: it is taken to be the one in use",
    ),
)
