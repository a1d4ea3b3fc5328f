"""Calls that no log holds: which are told, what they are estimated at, that no total has them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archives import assistant, at, jsonl, read_in, tool_result, tool_use, user
from screens import Desk
from summary_by_hand import MODEL
from summary_by_hand import at as moment
from tachlog.analysis.selection import Selection
from tachlog.analysis.unlogged import NotLogged, SideCall, not_logged
from tachlog.pricing import price
from tachlog.stores import Store, open_store

NOW = moment("2026-11-18T09:00")


def side(kind: Any, size: int | None = None, **facts: Any) -> SideCall:
    """A call beside a conversation with Opus 4.5."""
    return SideCall(
        **{"kind": kind, "model": MODEL, "provider": "anthropic", "at_us": NOW} | facts, size=size
    )


@pytest.mark.parametrize(
    ("call", "tokens", "usd"),
    [
        # 100,000 × $0.50 + 3,800 × $25 per million
        (side("compaction", 100_000), 103_800, 0.145),
        # Haiku 4.5: 500 × $1 + 20 × $5 per million
        (side("title"), 520, 0.0006),
        # (500 + 1,000) × $5 + 1,000 × $25 per million, and a cent for the search
        (side("web_search", 4_000), 2_500, 0.0425),
        (side("compaction"), None, None),
        (side("compaction", 1_000, model="mystery-1", provider="x"), 4_800, None),
    ],
)
def test_a_call_is_estimated_from_what_it_left(
    call: SideCall, tokens: int | None, usd: float | None
) -> None:
    """At the prices of its day; where nothing tells its size, or its price, that is not known."""
    assert not_logged([call], price) == [NotLogged(call.kind, 1, tokens, usd)]


def test_a_title_of_another_provider_is_its_own_models() -> None:
    """Only Anthropic's small model is known to give titles."""
    (found,) = not_logged([side("title", model="gpt-5.5", provider="openai")], price)
    # GPT-5.5: 500 × $5 + 20 × $30 per million
    assert found.cost_usd == 0.0031


def test_kinds_are_told_apart_and_the_dearest_come_first() -> None:
    """Each with how many there were, also those whose size is not known."""
    calls = [side("title"), side("compaction", 100_000), side("compaction")]
    found = not_logged(calls, price)
    assert [(kind.kind, kind.calls) for kind in found] == [("compaction", 2), ("title", 1)]


def compaction(session: str, uuid: str, minute: int) -> dict[str, Any]:
    """A compaction as Claude Code writes it."""
    return {
        "type": "system",
        "subtype": "compact_boundary",
        "uuid": uuid,
        "sessionId": session,
        "timestamp": at(minute),
        "compactMetadata": {"trigger": "auto", "preTokens": 150_000},
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Give an archive of a session with all three, and one whose compaction has a transcript."""
    search = assistant(
        "a", "a1", at(1), "m-a1", content=[tool_use("w1", "WebSearch", query="x")], stop="tool_use"
    )
    failed = assistant(
        "a", "a2", at(3), "m-a2", content=[tool_use("w2", "WebSearch", query="x")], stop="tool_use"
    )
    plain = [
        user("a", "u1", at(0), "Go"),
        search,
        tool_result("a", "x1", at(2), "w1", "found"),
        failed,
        tool_result("a", "x2", at(4), "w2", "no", error=True),
        compaction("a", "c1", 5),
        {"type": "ai-title", "sessionId": "a", "aiTitle": "Look it up"},
    ]
    told = [
        user("b", "u2", at(0), "Go"),
        assistant("b", "b1", at(1), "m-b1"),
        compaction("b", "c2", 5),
    ]
    own = {"isSidechain": True, "agentId": "acompact-1"}
    transcript = [assistant("b", "b2", at(4), "m-b2", **own)]
    archive = open_store("private:")
    logs = {"a": plain, "b": told, "agent-acompact-1": transcript}
    read_in(archive, [jsonl(tmp_path / f"{name}.jsonl", log) for name, log in logs.items()])
    yield archive
    archive.close()


def test_what_left_a_trace_and_no_record_is_found(store: Store) -> None:
    """A compaction with a transcript of its own is in a log; a failed search may not have been."""
    found = store.side_calls(Selection())
    assert sorted((call.kind, call.size is not None) for call in found) == [
        ("compaction", True),
        ("title", False),
        ("web_search", True),
    ]
    assert {(call.model, call.provider) for call in found} == {(MODEL, "anthropic")}


def test_they_are_those_of_the_selected_time(store: Store) -> None:
    """Each counts when it happened."""
    late = Selection(since_us=moment("2026-11-18T09:04"))
    assert "web_search" not in {call.kind for call in store.side_calls(late)}
    assert "compaction" in {call.kind for call in store.side_calls(late)}


def test_they_are_told_beside_the_total(tmp_path: Path) -> None:
    """The answer has a line and a list of them, and the total is that of the log's calls alone."""
    desk = Desk(tmp_path)
    desk.write()
    desk.run("analyze")
    told = json.loads(desk.run("cost", "--json").out)
    assert [(kind["kind"], kind["calls"]) for kind in told["not_in_any_log"]] == [("compaction", 1)]
    assert told["total"]["cost_usd"] < told["not_in_any_log"][0]["cost_usd"]
    assert "not in any log: 1 compaction, about $0.17 more" in desk.run("cost").out
