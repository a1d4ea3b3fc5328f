"""Runs of mini-swe-agent tell what a second count finds in them."""

import json
from pathlib import Path

from totals import files_below, read_all, totals, unread
from truth.mini_swe_agent import count


def test_the_second_count_agrees(corpus_dir: Path) -> None:
    """On public real runs, every figure of the second count is the source's as well."""
    paths = files_below(corpus_dir / "mini-swe-agent")
    readings, sessions = read_all(paths, "mini_swe_agent")
    expected = count(paths)
    assert {name: totals(sessions)[name] for name in expected} == expected
    assert unread(readings) == {}


def test_costs_add_up_to_the_reported_one(corpus_dir: Path) -> None:
    """The costs of a run's calls are the cost that the run reports, to the nano-dollar per call."""
    for path in files_below(corpus_dir / "mini-swe-agent"):
        document = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(document, dict):
            _, sessions = read_all([path], "mini_swe_agent")
            stats = document["info"]["model_stats"]
            assert totals(sessions)["calls"] == stats["api_calls"]
            difference = totals(sessions)["cost_nanousd"] - stats["instance_cost"] * 1e9
            assert abs(difference) < stats["api_calls"]
