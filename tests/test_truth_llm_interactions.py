"""Logged requests and responses tell what a second count finds in them."""

from pathlib import Path

import pytest

from tachlog.sources import all_sources
from totals import files_below, read_all, totals, unread
from truth.llm_interactions import count


def test_the_second_count_agrees(corpus_dir: Path) -> None:
    """On public real logs, every figure of the second count is the source's as well."""
    paths = files_below(corpus_dir / "swe-agent-llm-interactions")
    readings, sessions = read_all(paths, "llm_interactions")
    expected = count(paths)
    assert {name: totals(sessions)[name] for name in expected} == expected
    assert unread(readings) == {}


@pytest.mark.parametrize(
    ("start", "claimed"),
    [
        (b'{"type": "request", "messages": []}\n', True),
        (b'{"type": "request"}\n', False),
        (b'{"type": "response", "outputs": []}\n', True),
        (b'{"type": "response"}\n', False),
        (b"no JSON\n", False),
        (b'{"timestamp": "t", "type": "request", "messages": [', True),
        (b'{"timestamp": "t", "type": "other", "messages": [', False),
    ],
)
def test_claims_what_begins_with_a_request(start: bytes, claimed: bool) -> None:
    """A file of the name is claimed when its first line, whole or not, is a request or response."""
    source = all_sources()["llm_interactions"]
    assert source.claims("/a/interactions_20251103_025309.jsonl", start) is claimed
    assert not source.claims("/a/b.jsonl", start)
