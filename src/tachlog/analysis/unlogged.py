"""Calls that must have happened and that no log holds: told beside the total, never inside it.

Claude Code writes no record of the calls by which it compacts a conversation, names it and searches
the web (seen in its transcripts from 1.0.17 to 2.1.330, 2026-11-22). What they read and wrote is
estimated from what they left behind; the true cost is rather more, as retries leave nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from tachlog.analysis.units import dollars
from tachlog.metrics.tokens import Price
from tachlog.model import Usage

Kind = Literal["compaction", "title", "web_search"]

AGENT = "claude_code"
"""Whose log lacks these calls."""

TITLE_MODEL = ("claude-haiku-4-5", "anthropic")
TITLE = Usage(input=500, output=20)
"""A short instruction with the first prompt, and a few words: assumed."""

SUMMARY_TOKENS = 3_800
"""Of a compaction: 13 real summaries have 8,607 to 21,205 characters, 13,693 in the middle
(2.1.17 to 2.1.49, measured 2026-11-22), at 3.6 characters per token."""

SEARCH_PROMPT_TOKENS = 500
BYTES_PER_TOKEN = 4
"""Of a search: the result that the log holds was written by the call, its links were read."""


class SideCall(Struct, frozen=True):
    """A call that must have happened.

    `size` is the context that a compaction read in tokens (None: not told), or the bytes of the
    result of a search; `model` and `provider` those of the conversation.
    """

    kind: Kind
    model: str
    provider: str
    at_us: int
    size: int | None = None


class NotLogged(Struct, frozen=True):
    """The calls of one kind; `tokens` and `cost_usd` are estimated, None where nothing tells."""

    kind: Kind
    calls: int
    tokens: int | None
    cost_usd: float | None


def not_logged(calls: Iterable[SideCall], price: Price) -> list[NotLogged]:
    """What the calls of each kind come to, the dearest first."""
    kinds: dict[Kind, list[SideCall]] = {}
    for call in calls:
        kinds.setdefault(call.kind, []).append(call)
    found = [_together(kind, each, price) for kind, each in kinds.items()]
    return sorted(found, key=lambda kind: (-(kind.cost_usd or 0), kind.kind))


def usage_of(call: SideCall) -> Usage | None:
    """What a call used, estimated; None where nothing tells."""
    if call.kind == "title":
        return TITLE
    if call.size is None:
        return None
    if call.kind == "compaction":
        return Usage(cache_read=call.size, output=SUMMARY_TOKENS)
    text = call.size // BYTES_PER_TOKEN
    return Usage(input=SEARCH_PROMPT_TOKENS + text, output=text, web_searches=1)


def _together(kind: Kind, calls: list[SideCall], price: Price) -> NotLogged:
    usages = [(call, usage) for call in calls if (usage := usage_of(call)) is not None]
    costs = [
        cost
        for call, usage in usages
        if (cost := price(usage, *_model(call), call.at_us, tier=None)) is not None
    ]
    return NotLogged(
        kind,
        len(calls),
        sum(usage.total for _, usage in usages) if usages else None,
        dollars(sum(costs)) if costs else None,
    )


def _model(call: SideCall) -> tuple[str, str]:
    """Titles are given by a small model where the provider has one."""
    is_small = call.kind == "title" and call.provider == TITLE_MODEL[1]
    return TITLE_MODEL if is_small else (call.model, call.provider)
