"""Formats that a user describes: which field of a record is the session, the time, a token count.

A mapping turns each record (a JSON line, a CSV row, a table's row) into an AgentLog row, so that
both tell the same events; what the fields mean is said once, in `agent_log`.
"""

from __future__ import annotations

from typing import Final

from tachlog.mappings import Mapping
from tachlog.sources import Source, late

FORMAT: Final = "mapping"


_mappings: tuple[Mapping, ...] = ()


def configure(mappings: tuple[Mapping, ...]) -> None:
    """Put the user's mappings in force in this process."""
    global _mappings  # noqa: PLW0603 - set once, before a process reads its first record
    _mappings = mappings


def mapping_of(path: str) -> Mapping | None:
    """The first mapping in force that a file fits."""
    return next((mapping for mapping in _mappings if mapping.fits(path)), None)


def claims(path: str, head: bytes) -> bool:
    """Whether a mapping of the user's names this file."""
    return mapping_of(path) is not None


SOURCE = Source(
    name=FORMAT,
    title="Your own format (mapping)",
    revision=1,
    claims=claims,
    asked=True,
    state=late("tachlog.sources.mapping.chunks:State"),
    read=late("tachlog.sources.mapping.chunks:read"),
    skips={},
    lives="wherever `match` of a `[[sources.mappings]]` in the configuration says",
    tokens="as the mapping says: input beside the cache, or with `input_includes_cache`",
    proof="the user's own description of a log",
    evidence=("docs/design.md, AgentLog, checked 2026-11-22",),
    gaps=(
        "a file read before its mapping was changed is not read again by itself",
        "what AgentLog cannot say: exit codes, attempts, sub-agents",
    ),
)
