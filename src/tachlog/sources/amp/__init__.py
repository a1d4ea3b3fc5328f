"""Threads of Amp: one document each, with what each reply used and a ledger of what was spent.

The ledger repeats the replies, without their cache, and has what tools spent inside; a sub-agent
has a thread of its own, so that its entry in the ledger adds nothing.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from tachlog.sources import Source, by_document, late, unpacked
from tachlog.sources.amp.shapes import Head

_LARGE: Final = re.compile(rb'\{\s*"v"\s*:\s*\d+\s*,\s*"id"\s*:\s*"T-')
_head_decoder = msgspec.json.Decoder(Head)


def claims(path: str, head: bytes) -> bool:
    """Whether it is a thread."""
    if not unpacked(path).endswith(".json"):
        return False
    try:
        found = _head_decoder.decode(head)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _LARGE.match(head.lstrip()) is not None
    is_named = (found.id or "").startswith("T-") and None not in (found.v, found.created)
    return is_named and bytes(found.messages)[:1] == b"["


SOURCE = Source(
    name="amp",
    title="Amp",
    revision=1,
    frame=by_document,
    claims=claims,
    state=late("tachlog.sources.amp.chunks:State"),
    read=late("tachlog.sources.amp.chunks:read"),
    skips={},
    lives="`$XDG_DATA_HOME/amp`, else `~/.local/share/amp`: `threads/T-*.json`",
    tokens=(
        "per reply; `inputTokens` leaves out the cache unless it is the total; what tools spent "
        "inside as they tell it, else from the ledger, which leaves out the cache"
    ),
    proof="recorded by us, 0.0.1767830505 (January 2026)",
    evidence=(
        "0.0.1767830505-ga62310 (@sourcegraph/amp) recorded against a model stub, 2026-11-22",
    ),
    gaps=(
        "replies have the time at which the ledger noted them, others that of the prompt before; "
        "tools have none, so that the time of a reply may hold that of tools before it",
        "calls that write titles, attempts that failed and, without its thread, a sub-agent's "
        "calls are not in the log",
        "credits are not taken for money",
        "newer clients keep their threads at the server: 0.0.1790142911 (September 2026) asked for "
        "one there and wrote none",
    ),
)
