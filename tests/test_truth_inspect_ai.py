"""Logs of Inspect AI tell what a second count finds in them.

`data/inspect_ai` holds two logs that Inspect AI 0.3.285 wrote on 2026-11-22 of a task of ours,
played by its own mock model: an agent that adds numbers with a tool that may fail.
"""

from pathlib import Path

import pytest

from tachlog.frames import FrameError, read_archive
from tachlog.sources import all_sources
from totals import files_below, read_all, totals, unread
from truth.inspect_ai import count, totals_by_model

RECORDED = Path(__file__).with_name("data") / "inspect_ai"


@pytest.mark.parametrize("names", [["*.eval"], ["*.json"], ["*.eval", "*.json"]])
def test_the_second_count_agrees(names: list[str]) -> None:
    """On recorded logs, every figure of the second count is the source's as well."""
    paths = [path for name in names for path in sorted(RECORDED.glob(name))]
    readings, sessions = read_all(paths, "inspect_ai")
    expected = count(paths)
    assert {name: totals(sessions)[name] for name in expected} == expected
    assert expected["calls"] == 6 * len(paths)
    assert unread(readings) == {}


def test_calls_add_up_to_what_the_log_sums_up() -> None:
    """The calls of a log have the tokens that it sums up for its models."""
    for path in files_below(RECORDED):
        _, sessions = read_all([path], "inspect_ai")
        told, sums = totals(sessions), totals_by_model(path)
        assert (told["input"], told["output"]) == (sums["input"], sums["output"])
        buckets = ("input", "cache_read", "cache_write", "output")
        assert sum(told[name] for name in buckets) == sums["total"]


def test_an_archive_that_was_cut_short_tells_its_first_samples(tmp_path: Path) -> None:
    """Samples before the cut are told as ever; the rest is said to be missing."""
    whole = next(RECORDED.glob("*.eval")).read_bytes()
    path = tmp_path / "cut.eval"
    path.write_bytes(whole[: len(whole) // 2])
    source = all_sources()["inspect_ai"]
    chunks = read_archive(str(path), source.beside(str(path)))
    readings = [source.read(next(chunks), source.state()) for _ in range(2)]
    with pytest.raises(FrameError, match="cut short"):
        list(chunks)
    assert sum(len(reading.record_keys) for reading in readings) == 1
    assert {name for reading in readings for name in reading.skipped} == {"_journal"}
    assert unread(readings) == {}
