"""Sessions of Factory's Droid: `<session>.jsonl`, and `<session>.settings.json` beside it.

The lines tell what was said and done; what it used is told in the settings, for the session as a
whole. A fork begins with copies under the ids of their originals, and with nothing used.
"""

from __future__ import annotations

from glob import escape
from typing import Final

import msgspec

from tachlog.sources import Frame, Source, late, unpacked
from tachlog.sources.droid.shapes import NULL, SKIPS, Head

_SETTINGS: Final = ".settings.json"
_head_decoder = msgspec.json.Decoder(Head)


def claims(path: str, head: bytes) -> bool:
    """Whether it is a session, which says whose it is, or the settings of one."""
    is_settings = is_of_settings(path)
    if not (is_settings or unpacked(path).endswith(".jsonl")):
        return False
    try:
        first = _head_decoder.decode(head if is_settings else head.lstrip().partition(b"\n")[0])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return is_settings and b'"assistantActiveTimeMs"' in head
    if is_settings:
        told = (first.tokenUsage, first.assistantActiveTimeMs)
        return first.providerLock is not None or any(raw != NULL for raw in told)
    is_named = None not in (first.id, first.title)
    return first.type == "session_start" and is_named


def is_of_settings(path: str) -> bool:
    """Whether a file is named as the settings of a session are."""
    return unpacked(path).endswith(_SETTINGS)


def frame(path: str, head: bytes) -> Frame:
    """Settings are a document, sessions lines."""
    return "document" if is_of_settings(path) else "lines"


def beside(path: str) -> tuple[str, ...]:
    """What belongs to the settings: the session, whose first line tells what it is."""
    return (f"{escape(path.partition(_SETTINGS)[0])}.jsonl",) if is_of_settings(path) else ()


SOURCE = Source(
    name="droid",
    title="Droid",
    revision=1,
    frame=frame,
    beside=beside,
    claims=claims,
    state=late("tachlog.sources.droid.chunks:State"),
    read=late("tachlog.sources.droid.chunks:read"),
    skips=SKIPS,
    lives=(
        "`$FACTORY_HOME_OVERRIDE/.factory`, else `~/.factory`: `sessions/**/<session>.jsonl` and "
        "`<session>.settings.json`"
    ),
    tokens=(
        "per session, at its first call, in disjoint buckets; `outputTokens` includes the "
        "thinking; `inclusiveTokenUsage`, which adds sub-agents, is not read"
    ),
    proof="recorded by us, 0.215.0; sub-agents: documentation only (its schema)",
    evidence=(
        "0.215.0 (npm `droid`) recorded against a model stub, 2026-11-22",
        "the schemas of a session's first line and of its settings in 0.215.0, read 2026-11-22",
    ),
    gaps=(
        "what each call used is not told; a session's tokens stand at its first call",
        "attempts that were tried again are not in the log; those that failed for good are",
        "of a model of one's own the log has the name under which it was set up",
        "credits are not taken for money",
    ),
)
