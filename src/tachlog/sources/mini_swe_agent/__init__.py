"""Runs of mini-swe-agent: one `<instance>.traj.json` each, or a bare list of messages (before 1.0).

Since 1.1 a message keeps the whole response of the API, its cost and its time. Before that the
agent's commands stand in its text, their exit codes in the text that answers it.
"""

from __future__ import annotations

from typing import Final

from tachlog.sources import Source, by_document, late, unpacked

AGENT: Final = "mini_swe_agent"


def claims(path: str, head: bytes) -> bool:
    """Whether a file is named as the agent names its runs and begins with one."""
    start = head.lstrip()
    if not unpacked(path).endswith(".traj.json"):
        return False
    if start.startswith(b"["):
        return b'"role"' in start[:4096]
    return start.startswith(b"{") and (b'"messages"' in start or b'"mini_version"' in start)


SOURCE = Source(
    name=AGENT,
    title="mini-swe-agent",
    revision=1,
    frame=by_document,
    claims=claims,
    state=late("tachlog.sources.mini_swe_agent.chunks:State"),
    read=late("tachlog.sources.mini_swe_agent.chunks:read"),
    skips={},
    lives="wherever a run puts its output: `<instance>/<instance>.traj.json`",
    tokens="`prompt_tokens` includes what the cache read; `completion_tokens` includes reasoning",
    proof="public real logs, 2.3.0 and the lists of messages before 1.0",
    evidence=(
        "public real logs of versions 2.2.7 and 2.3.0, measured 2026-11-22",
        "the published packages 1.17.4 and 2.3.0, checked 2026-11-22",
    ),
    gaps=(
        "the task has no time of its own: it counts as given when the API first answered (seconds)",
        "commands of one reply run one after the other but are stamped together",
        "before 1.0 there are no tokens (they are estimated from the text), no times and no model",
        "a reply that the agent refused for its format is known since 2.0, its tokens are not",
    ),
)
