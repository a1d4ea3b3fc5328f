"""The conformance set: small logs with one trap each, and what they come to.

`tests/conformance/<format>/<trap>/` holds a `home` directory and a `trap.toml`, which says why it
is a trap, the rule that decides it, where the rule comes from, and the truth. The truth follows
from the rule alone and says nothing of what the rule leaves open. What is named `*.sql` in a home
is a database in words.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from tachlog.analysis.selection import Selection
from tachlog.analysis.summary import TelemetryResult
from tachlog.analysis.windows import local_date, zone_of
from tachlog.api import analyze
from tachlog.config import load
from tachlog.metrics import QUARTER_US
from tachlog.stores import open_store

TRAPS = Path(__file__).with_name("conformance")


class Truth(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a log comes to; what is None, the trap is not about.

    Tokens are in disjoint buckets. `tool_errors` counts failed tool calls and `negatives` those
    that answered no; `by_session` has the tokens of a session without its sub-agents, `by_day` of a
    day in the trap's time zone, `models` the calls of each model.
    """

    sessions: int | None = None
    threads: int | None = None
    calls: int | None = None
    prompts: int | None = None
    tool_calls: int | None = None
    tool_errors: int | None = None
    negatives: int | None = None
    failures: int | None = None
    retries: int | None = None
    compactions: int | None = None
    problems: int | None = None
    error_breakdown: dict[str, int] | None = None
    error_rate: float | None = None
    input: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    output: int | None = None
    reasoning: int | None = None
    estimated: int | None = None
    is_estimated: bool | None = None
    output_at_least: int | None = None
    output_at_most: int | None = None
    cost_usd: float | None = None
    cost_basis: str | None = None
    unpriced_calls: int | None = None
    duration: float | None = None
    models: dict[str, int] | None = None
    by_session: dict[str, int] | None = None
    by_day: dict[str, int] | None = None


class Trap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One trap as its `trap.toml` tells it."""

    why: str
    rule: str
    evidence: str
    truth: Truth
    time_zone: str = "UTC"


def folders() -> list[Path]:
    """The folder of each trap."""
    return sorted(path.parent for path in TRAPS.glob("*/*/trap.toml"))


def trap_in(folder: Path) -> Trap:
    """What a folder says of its trap."""
    return msgspec.toml.decode((folder / "trap.toml").read_bytes(), type=Trap)


def lay_out(folder: Path, home: Path) -> None:
    """Copy the home of a trap to a directory and make its databases."""
    shutil.copytree(folder / "home", home, dirs_exist_ok=True)
    for words in home.rglob("*.sql"):
        with closing(sqlite3.connect(words.with_suffix(""))) as database:
            database.executescript(words.read_text(encoding="utf-8"))
        words.unlink()


class Told(msgspec.Struct, frozen=True):
    """What tachlog makes of a home: its answer, and the tokens of each day that did anything."""

    result: TelemetryResult
    by_day: dict[str, int]


def told_of(home: Path, time_zone: str, archive: Path) -> Told:
    """Read a home as its owner would, into an archive that is made for it."""
    config = load({"HOME": str(home), "TACHLOG_DISPLAY__TIME_ZONE": time_zone}, flags={}).config
    result = analyze(home, archive=str(archive), jobs=1, config=config)
    by_day: Counter[str] = Counter()
    with closing(open_store(str(archive))) as store:
        for quarter in store.quarters(Selection()):
            day = local_date(quarter.quarter * QUARTER_US, zone_of(time_zone))
            by_day[day.isoformat()] += quarter.tokens
    return Told(result, {day: tokens for day, tokens in by_day.items() if tokens})


def found(told: Told, truth: Truth) -> dict[str, Any]:
    """The figures that the truth speaks of, as tachlog tells them."""
    totals, sessions = told.result.totals, told.result.sessions
    tools = totals.tool_usage.values()
    output = totals.tokens.output
    figures: dict[str, Any] = {
        "sessions": totals.sessions,
        "threads": totals.threads,
        "calls": totals.model_calls,
        "prompts": sum(session.prompts for session in sessions),
        "tool_calls": totals.tool_call_count,
        "tool_errors": sum(tool.error_count for tool in tools),
        "negatives": sum(tool.expected_negative + tool.check_failed for tool in tools),
        "failures": totals.failures,
        "retries": totals.retries,
        "compactions": totals.context.compactions,
        "problems": told.result.input.problems,
        "error_breakdown": totals.error_breakdown,
        "error_rate": totals.error_rate,
        "input": totals.tokens.input,
        "cache_read": totals.tokens.cache_read,
        "cache_write": totals.tokens.cache_write,
        "output": output,
        "reasoning": totals.tokens.reasoning,
        "estimated": totals.tokens.estimated,
        "is_estimated": totals.tokens.estimated > 0,
        "output_at_least": min(output, truth.output_at_least or 0),
        "output_at_most": max(output, truth.output_at_most or 0),
        "cost_usd": totals.cost_usd and round(totals.cost_usd, 9),
        "cost_basis": totals.cost_basis,
        "unpriced_calls": totals.unpriced_calls,
        "duration": totals.duration,
        "models": {name: use.calls for name, use in totals.models.items()},
        "by_session": {each.session_id: each.total_tokens for each in sessions},
        "by_day": told.by_day,
    }
    return {name: figures[name] for name in msgspec.to_builtins(truth)}
