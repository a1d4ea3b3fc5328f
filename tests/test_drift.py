"""A version of an agent that tells less than those before it is found and told in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from archives import assistant, at, jsonl, read_in, tool_result, tool_use, user
from conftest import Run
from tachlog.analysis.drift import Drift, VersionCounts, drifts, order
from tachlog.stores import open_store


def counts(version: str, replies: int, usage: int, **more: Any) -> VersionCounts:
    """What a version told of usage; stop reasons are always told."""
    return VersionCounts("s", "a", version, replies, usage, replies, **more)


def found(*versions: VersionCounts) -> list[tuple[Any, ...]]:
    """Where shares fell, without the source and agent."""
    return [
        (d.measure, d.first, d.last, round(d.share, 2), d.n, round(d.before, 2), d.before_n)
        for d in drifts(versions)
    ]


def test_a_fall_is_found_in_whatever_order_versions_come() -> None:
    """Versions are held against all that came before them, by number and not by text."""
    versions = [counts("0.10.0", 100, 31), counts("0.9.0", 100, 90), counts("0.8.1", 100, 98)]
    assert found(*versions) == [("usage", "0.10.0", "0.10.0", 0.31, 100, 0.94, 200)]
    assert found(*reversed(versions)) == found(*versions)


def test_versions_that_stay_low_are_one_drift() -> None:
    """A fall lasts until the share is back, and what was before it stays the measure."""
    versions = [counts("1", 100, 100), counts("2", 1000, 10), counts("3", 100, 5)]
    back = [counts("4", 100, 99), counts("5", 60, 0)]
    assert found(*versions) == [("usage", "2", "3", 0.01, 1100, 1.0, 100)]
    assert found(*versions, *back)[0] == found(*versions)[0]
    assert found(*versions, *back)[1] == ("usage", "5", "5", 0.0, 60, 0.99, 200)


@pytest.mark.parametrize(
    ("before", "after", "fell"),
    [((50, 50), (50, 39), True), ((50, 50), (50, 40), False), ((49, 49), (50, 0), False)],
)
def test_what_falls_too_little_or_is_told_too_seldom_is_none(
    before: tuple[int, int], after: tuple[int, int], fell: bool
) -> None:
    """More than 20 points, and 50 replies on both sides."""
    assert bool(found(counts("1", *before), counts("2", *after))) is fell


def test_few_replies_of_neighbouring_versions_are_taken_together() -> None:
    """Agents that are updated every day come to 50 replies in several versions."""
    versions = [counts("1.0", 80, 80), *(counts(f"1.{n}", 20, 0) for n in range(1, 5))]
    assert found(*versions) == [("usage", "1.1", "1.3", 0.0, 60, 1.0, 80)]


def test_sources_and_agents_are_held_against_themselves() -> None:
    """An agent that never tells a duration does not make another's look fallen."""
    told = {"tool_calls": 90, "results": 80}
    one = VersionCounts("s", "a", "1", durations=80, **told)
    for other in (
        VersionCounts("t", "a", "2", durations=0, **told),
        VersionCounts("s", "b", "2", durations=0, **told),
    ):
        assert drifts([one, other]) == []
    late = VersionCounts("s", "a", "2", durations=0, **told)
    assert drifts([one, late]) == [Drift("s", "a", "duration", "2", "2", 0.0, 80, 1.0, 80)]
    lost = VersionCounts("s", "a", "2", tool_calls=90, results=10, durations=10)
    assert [drift.measure for drift in drifts([one, lost])] == ["result"]


def test_versions_are_ordered_as_their_makers_number_them() -> None:
    """Numbers count as numbers, and a version with a suffix comes before the one without."""
    versions = ["0.9", "0.10.0-alpha.2", "0.10.0-alpha.10", "0.10.0-beta", "0.10.0", "1", "v2.0"]
    assert sorted(versions, key=order)[:-1] == versions[:-1]
    assert order("") < order("1")


def turn(session: str, number: int, version: str, *, stop: str | None) -> list[dict[str, Any]]:
    """A reply that asks for a tool, and the tool's result, by a version of Claude Code."""
    n = f"{session}{number}"
    result: dict[str, Any] = {"toolUseResult": {"stdout": "", "durationMs": 12}} if stop else {}
    block = tool_use(f"t{n}", "WebFetch", url="https://example.com")
    records = [
        user(session, f"p{n}", at(number, 0), "Go on"),
        assistant(session, f"a{n}", at(number, 1), f"m{n}", content=[block], stop=stop),
        tool_result(session, f"r{n}", at(number, 3), f"t{n}", "ok", **result),
    ]
    return [{**record, "version": version} for record in records]


def test_the_archive_counts_by_version(tmp_path: Path) -> None:
    """A resumed session counts for the version that wrote each part, a sub-agent for its root's."""
    log = [record for n in range(3) for record in turn("s", n, "2.1.5", stop="tool_use")]
    log += [record for n in range(3, 5) for record in turn("s", n, "2.1.10", stop=None)]
    side = [
        {**{k: v for k, v in record.items() if k != "version"}, "isSidechain": True, "agentId": "x"}
        for record in turn("s", 9, "", stop=None)
    ]
    store = open_store(str(tmp_path / "archive.db"))
    main = jsonl(tmp_path / "s.jsonl", log)
    read_in(store, [main, jsonl(tmp_path / "s/subagents/agent-x.jsonl", side)])
    told = {each.version: each for each in store.by_version()}
    assert told == {
        "2.1.10": VersionCounts("claude_code", "claude_code", "2.1.10", 3, 3, 0, 3, 3, 0),
        "2.1.5": VersionCounts("claude_code", "claude_code", "2.1.5", 3, 3, 3, 3, 3, 3),
    }


def test_doctor_warns_in_words(tachlog: Run, home: Path) -> None:
    """A fall is told by agent and versions, with both shares, and as data."""
    log = [record for n in range(50) for record in turn("s", n, "2.1.5", stop="tool_use")]
    log += [record for n in range(50) for record in turn("u", n, "2.1.10", stop=None)]
    tachlog("analyze", jsonl(home / "s.jsonl", log))
    shown = tachlog("doctor").stdout
    assert "DRIFT, as newer versions of an agent tell less" in shown
    assert (
        "  Claude Code 2.1.10: stop reasons told for 0 % of 50 replies, before 100 % of 50" in shown
    )
    drift = json.loads(tachlog("doctor", "--json").stdout)["format_drift"]
    assert [each["version"] for each in drift["versions"]] == ["2.1.10", "2.1.5"]
    assert [each["measure"] for each in drift["warnings"]] == ["stop_reason", "duration"]


def test_real_logs_tell_as_much_in_newer_versions(corpus_dir: Path, tmp_path: Path) -> None:
    """No version in the real logs of Codex lacks what those before it told."""
    store = open_store(str(tmp_path / "archive.db"))
    read_in(store, sorted((corpus_dir / "codex").rglob("*.jsonl")))
    counted = store.by_version()
    assert sum(each.replies for each in counted) > 1000
    assert drifts(counted) == []
