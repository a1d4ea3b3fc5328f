"""Runs of SWE-agent: one `<instance>.traj` each, with the run's totals and no times.

A step has no tokens of its own: the first step's reply carries what the run used (`RUN_TOTALS`), so
that sums are right. Demonstrations in the history of a run are no part of it.
"""

from __future__ import annotations

from typing import Final

from tachlog.sources import Source, by_document, late, unpacked

AGENT: Final = "swe_agent"


def claims(path: str, head: bytes) -> bool:
    """Whether a file is named as the agent names its runs and begins with one."""
    start = head.lstrip()
    named = unpacked(path).endswith(".traj")
    return (
        named
        and start.startswith(b"{")
        and any(name in start for name in (b'"trajectory"', b'"history"', b'"environment"'))
    )


SOURCE = Source(
    name=AGENT,
    title="SWE-agent",
    revision=1,
    frame=by_document,
    claims=claims,
    state=late("tachlog.sources.swe_agent.chunks:State"),
    read=late("tachlog.sources.swe_agent.chunks:read"),
    skips={"demonstration": "a history alone: an example for agents, no run of one"},
    lives="`trajectories/<user>/<run>/<instance>/<instance>.traj`",
    tokens="`tokens_sent` and `tokens_received` of the whole run; the cache's part is not told",
    proof="public real logs of releases before 1.0 and of 1.0 to 1.1",
    evidence=(
        "525 public real runs of releases 0.7 to 1.1, measured 2026-11-22",
        "https://swe-agent.com/latest/usage/trajectories/, checked 2026-11-22",
    ),
    gaps=(
        "no times: sessions have an order but no date, and no durations but those of commands",
        "tokens and cost of a run stand at its first reply; context and cache are not known",
        "the model is named in the path and, sometimes, in `replay_config` only",
        "a command's exit code is not told: only refusals by the agent itself count as errors",
    ),
)
