"""Conversations of Cursor, in the database of its editor's state.

Tokens are told for hardly any message: output is estimated, and what was read is unknown.
"""

from __future__ import annotations

import re
from typing import Final

from tachlog.sources import Frame, Source, late
from tachlog.sources.cursor.database import STATEMENTS

_DATABASE: Final = b"SQLite format 3\0"
_TABLE: Final = re.compile(rb"CREATE TABLE (?:IF NOT EXISTS )?[`\"]?cursorDiskKV\b")


def claims(path: str, head: bytes) -> bool:
    """Whether it is a database with the table that Cursor adds to the editor's own."""
    return head.startswith(_DATABASE) and _TABLE.search(head) is not None


def frame(path: str, head: bytes) -> Frame:
    """A database."""
    return "sqlite"


SOURCE = Source(
    name="cursor",
    title="Cursor",
    revision=1,
    frame=frame,
    statements=STATEMENTS,
    claims=claims,
    state=late("tachlog.sources.cursor.chunks:State"),
    read=late("tachlog.sources.cursor.chunks:read"),
    skips={},
    lives="`Cursor*/User/globalStorage/state.vscdb` below the editor's data, on each system",
    tokens=(
        "hardly ever told (public reports count 0.7 % and 2.7 % of messages): output is estimated "
        "and marked, input unknown"
    ),
    proof="others' descriptions and code only, no real log: not supported",
    evidence=(
        "https://github.com/michaeldhood/chatrxiv: storage-reference.md (composerData 10, bubbles "
        "3), read 2026-11-22",
        "https://github.com/pppp606/cursor-efficiency: vscdbRelation.md (0.50.5), read 2026-11-22",
        "https://github.com/blueplane-ai/bp-telemetry-core: cursor-composer-data-capture-examples "
        "(composerData 3), and public code that reads this database and counts what real ones of "
        "Cursor 2 hold (22,368 and 69,433 messages), read 2026-11-22",
    ),
    gaps=(
        "which messages are one call of a model is not told: a call is taken to end with its tools",
        "what was read from and written to the cache, and the input of most calls, is unknown: "
        "their cost is that of the output alone",
        "when a tool ended is not told, so that no tool has a duration",
        "the command line's chats (`~/.cursor/chats`) and transcripts (`agent-transcripts`) tell "
        "no model, tokens or times and are not read",
        "conversations of before 2025 that stand in the databases of single workspaces are not "
        "read",
    ),
)
