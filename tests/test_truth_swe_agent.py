"""Runs of SWE-agent tell what a second count finds in them."""

from pathlib import Path

import golden
from tachlog.metrics.tokens import model_uses, settle
from tachlog.model import RUN_TOTALS
from totals import files_below, read_all, totals, unread
from truth.swe_agent import count


def test_the_second_count_agrees(corpus_dir: Path) -> None:
    """On public real runs, every figure of the second count is the source's as well."""
    paths = files_below(corpus_dir / "swe-agent-traj")
    readings, sessions = read_all(paths, "swe_agent")
    expected = count(paths)
    assert {name: totals(sessions)[name] for name in expected} == expected
    assert unread(readings) == {}


def test_one_reply_has_what_the_run_used(corpus_dir: Path) -> None:
    """At most one reply of a run has usage; it is marked, and nothing beside it is estimated."""
    _, sessions = read_all(files_below(corpus_dir / "swe-agent-traj"), "swe_agent")
    for session in sessions.values():
        used = [call for call in session.calls.values() if call.usage is not None]
        assert [call.stop_reason for call in used] == [RUN_TOTALS] * len(used)
        assert len(used) <= 1
        calls = session.calls.values()
        models, _ = model_uses(calls, [settle(call, None) for call in calls])
        assert sum(use.estimated for use in models.values()) == 0


def test_totals_of_a_run_that_grew_replace_the_former() -> None:
    """A file read before and after it grew is one run with its latest totals, not their sum."""
    _, sessions = read_all(
        sorted((golden.CORPUS / "swe_agent/function_calling").glob("*.traj")), "swe_agent"
    )
    (session,) = sessions.values()
    assert totals(sessions)["calls"] == 3
    assert sum(call.usage.total for call in session.calls.values() if call.usage) == 940
