"""Trajectories in the interchange format tell what a second count finds in them."""

import json
from pathlib import Path

from totals import files_below, read_all, totals, unread
from truth.atif import count


def trajectories(corpus_dir: Path) -> list[Path]:
    """The documents of this format, which lie beside logs of another one."""
    return [path for path in files_below(corpus_dir / "openhands") if ".trajectory." in path.name]


def test_the_second_count_agrees(corpus_dir: Path) -> None:
    """On public documents, every figure of the second count is the source's as well."""
    paths = trajectories(corpus_dir)
    readings, sessions = read_all(paths, "atif")
    expected = count(paths)
    assert {name: totals(sessions)[name] for name in expected} == expected
    assert unread(readings) == {}


def test_steps_add_up_to_the_final_metrics(corpus_dir: Path) -> None:
    """The steps of a document that is not continued have the tokens that its sums tell."""
    for path in trajectories(corpus_dir):
        document = json.loads(path.read_text(encoding="utf-8"))
        _, sessions = read_all([path], "atif")
        told = totals(sessions)
        assert (
            told["input"] + told["cache_read"] == document["final_metrics"]["total_prompt_tokens"]
        )
        assert told["output"] == document["final_metrics"]["total_completion_tokens"]
