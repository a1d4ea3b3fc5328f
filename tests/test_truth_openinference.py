"""OpenInference span files hold what a second count, which knows nothing of the source, finds."""

from collections import Counter
from pathlib import Path

import pytest

from tachlog.frames import head, read_lines
from tachlog.identity import repeated
from tachlog.model import Reading, key_of
from tachlog.operations import Call, ToolUse
from tachlog.sessions import Sessions, fold, leave_out
from tachlog.sources import all_sources, detect
from truth import openinference as second

SOURCE = all_sources()["openinference"]


class Both:
    """The same files, read by the source and counted by the second count."""

    def __init__(self, folder: Path) -> None:
        self.paths = sorted(folder.rglob("*.jsonl"))
        assert self.paths, folder
        self.truth = second.count(self.paths)
        self.sessions: Sessions = {}
        self.readings: list[Reading] = []
        for path in self.paths:
            state = SOURCE.state()
            for chunk in read_lines(str(path)):
                reading = SOURCE.read(chunk, state)
                fold(reading.events, self.sessions)
                self.readings.append(reading)
        spans = [span for reading in self.readings for span in reading.spans]
        for session in self.sessions.values():
            leave_out(session, repeated(spans))

    @property
    def calls(self) -> dict[int, Call]:
        """All model calls by their keys."""
        return {key: call for s in self.sessions.values() for key, call in s.calls.items()}

    @property
    def tools(self) -> dict[int, ToolUse]:
        """All tool calls by their keys."""
        return {key: use for s in self.sessions.values() for key, use in s.tools.items()}


@pytest.fixture(scope="module")
def both(corpus_dir: Path) -> Both:
    """Give the real span files, counted once."""
    return Both(corpus_dir / "phoenix-openinference")


def test_all_files_are_claimed(both: Both) -> None:
    """Every file is this format's and no other's."""
    assert all(detect(str(path), head(str(path))) is SOURCE for path in both.paths)


def test_records_are_all_accounted_for(both: Both) -> None:
    """Every line is parsed or skipped, and none is of an unknown kind."""
    parsed = sum(len(reading.record_keys) for reading in both.readings)
    skipped = sum(sum(reading.skipped.values()) for reading in both.readings)
    assert parsed + skipped == both.truth.records
    assert not any(reading.problems or reading.unknown for reading in both.readings)


def test_every_call_is_counted_once(both: Both) -> None:
    """The innermost spans tell the calls: model and tokens are the same, span by span."""
    assert {
        key: (call.model, call.usage and call.usage.prompt, call.usage and call.usage.output)
        for key, call in both.calls.items()
    } == {
        key_of("otlp", trace, span): (
            model,
            asked if said is None and asked is None else asked or 0,
            said if said is None and asked is None else said or 0,
        )
        for (trace, span), (model, asked, said) in both.truth.calls.items()
    }


def test_every_tool_call_is_told(both: Both) -> None:
    """Tools have the same names and ends."""
    assert Counter((use.tool, use.outcome) for use in both.tools.values()) == Counter(
        (name, "success" if ok else "error") for name, ok in both.truth.tools.values()
    )
