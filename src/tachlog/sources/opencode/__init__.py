"""Sessions of OpenCode: in its database, in the older tree of files, or exported as documents.

A message of the assistant is one call of a model. A fork copies messages under new ids: a call and
its copies share a time, a model and counts. A child session is a sub-agent's.
"""

from __future__ import annotations

import re
from glob import escape
from pathlib import Path, PurePath
from typing import Final

import msgspec

from tachlog.sources import Frame, Source, late, unpacked
from tachlog.sources.opencode.database import STATEMENTS
from tachlog.sources.opencode.shapes import SKIPS, Head

_DATABASE: Final = b"SQLite format 3\0"
_TABLE: Final = re.compile(rb"CREATE TABLE [`\"]?part[`\"]?\s*\(\s*[`\"]?id[`\"]?")
_LARGE: Final = re.compile(
    rb'\{\s*"info"\s*:\s*\{[^{}]*"id"\s*:\s*"ses_|"sessionID"\s*:\s*"ses_[^"]*"'
)
_head_decoder = msgspec.json.Decoder(Head)


def claims(path: str, head: bytes) -> bool:
    """Whether it is a database of OpenCode, an exported session, or a file of the tree."""
    if head.startswith(_DATABASE):
        name = PurePath(path).name
        return name.startswith("opencode") or _TABLE.search(head) is not None
    if not unpacked(path).endswith(".json"):
        return False
    try:
        found = _head_decoder.decode(head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return head.lstrip()[:1] == b"{" and _LARGE.match(head.lstrip()) is not None
    return _is_telling(found)


def _is_telling(found: Head) -> bool:
    name = found.id or ""
    if name.startswith("ses_"):
        return found.projectID is not None
    if name.startswith("msg_"):
        return found.role is not None and found.sessionID is not None
    if name.startswith("prt_"):
        return found.messageID is not None
    return b'"ses_' in bytes(found.info)[:400] and bytes(found.messages)[:1] == b"["


def frame(path: str, head: bytes) -> Frame:
    """A database, or a document."""
    return "sqlite" if head.startswith(_DATABASE) else "document"


def beside(path: str) -> tuple[str, ...]:
    """What belongs to a message of the tree: its session, and its parts. To others nothing does."""
    file = Path(path)
    storage = file.parent.parent.parent
    return (
        f"{escape(str(storage))}/session/*/{escape(file.parent.name)}.json",
        f"{escape(str(storage))}/part/{escape(file.stem)}/*.json",
    )


SOURCE = Source(
    name="opencode",
    title="OpenCode",
    revision=1,
    frame=frame,
    beside=beside,
    statements=STATEMENTS,
    claims=claims,
    state=late("tachlog.sources.opencode.chunks:State"),
    read=late("tachlog.sources.opencode.chunks:read"),
    skips=SKIPS,
    lives=(
        "`$OPENCODE_DB`, else `$XDG_DATA_HOME/opencode/opencode*.db`, else below "
        "`~/.local/share/opencode`; older: `storage/{session,message,part}`; exported sessions"
    ),
    tokens="the total says whether `output` holds `reasoning`; `input` excludes the cache",
    proof=(
        "public real exports, 1.2.16 to 1.18.21; database recorded by us, 1.18.33; "
        "tree from schemas"
    ),
    evidence=(
        "public real logs of versions 1.2.16 to 1.18.21 as exported sessions, measured 2026-11-22",
        "1.18.33 recorded against a model stub (database), 2026-11-22",
        "schemas of storage and database of https://github.com/sst/opencode, as third-party copies "
        "have them, read 2026-11-22",
    ),
    gaps=(
        "the root of a child's child is told as its parent",
        "of the second schema (`session_message`) only the calls are read: no prompts, no tools",
    ),
)
