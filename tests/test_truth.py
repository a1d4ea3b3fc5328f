"""The sources read from logs what a second count, which knows nothing of them, finds there."""

from collections import Counter
from collections.abc import Callable, Iterable
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from tachlog import demo
from tachlog.demo.truth import SessionTruth, Truth
from tachlog.frames import read_lines
from tachlog.metrics import SessionMetrics
from tachlog.metrics.measure import measure
from tachlog.metrics.timing import timeline_of
from tachlog.model import Reading, key_of
from tachlog.operations import Call, merge_calls
from tachlog.sessions import Session, Sessions, fold
from tachlog.sources import Source, all_sources
from truth import claude_code as second
from truth.transcript import transcripts

CLAUDE_CODE = all_sources()["claude_code"]
AGENT_LOG = all_sources()["agent_log"]
OPERATIONS = ("calls", "tools", "prompts", "failures", "compactions")


def read_all(source: Source, paths: Iterable[Path]) -> tuple[list[Reading], Sessions]:
    """What a source makes of files, and the sessions that it tells."""
    readings: list[Reading] = []
    sessions: Sessions = {}
    for path in paths:
        state = source.state()
        for chunk in read_lines(str(path)):
            reading = source.read(chunk, state)
            fold(reading.events, sessions)
            readings.append(reading)
    return readings, sessions


class Both:
    """The same transcripts, read by the source and counted by the second count."""

    def __init__(self, folder: Path) -> None:
        paths = transcripts(folder)
        assert paths, folder
        self.truth = second.count(paths, CLAUDE_CODE.skips.keys())
        self.readings, self.sessions = read_all(CLAUDE_CODE, paths)

    @property
    def unshared(self) -> list[Session]:
        """The sessions that tell nothing which another one tells as well: all of it is theirs."""
        tellers = Counter(
            key for s in self.sessions.values() for kind in OPERATIONS for key in getattr(s, kind)
        )
        return [
            session
            for session in self.sessions.values()
            if all(tellers[key] == 1 for kind in OPERATIONS for key in getattr(session, kind))
        ]


@pytest.fixture(scope="module", params=["claude-code", "claude-code-overlap", "demo"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Give the real logs, snapshots of one session, and the example logs, each counted once."""
    if request.param == "demo":
        folder = tmp_path_factory.mktemp("demo")
        demo.write_demo(folder)
    else:
        folder = request.getfixturevalue("corpus_dir") / request.param
    return Both(folder)


def test_records_are_all_accounted_for(both: Both) -> None:
    """There are as many records as JSON values and damaged lines; a problem is a damaged line."""
    counts = both.truth.records
    problems = sum(len(reading.problems) for reading in both.readings)
    skipped = sum(sum(reading.skipped.values()) for reading in both.readings)
    parsed = sum(len(reading.record_keys) for reading in both.readings)
    assert parsed + skipped + problems == counts.records
    assert problems == counts.damaged_lines
    assert skipped == sum(count for kind, count in counts.kinds.items() if is_skipped(kind))


def is_skipped(kind: str) -> bool:
    """Whether the source lists a kind, or its type, as one that carries no telemetry."""
    return kind in CLAUDE_CODE.skips or kind.partition("/")[0] in CLAUDE_CODE.skips


def test_no_kind_is_unknown(both: Both) -> None:
    """Every kind of record in real logs and examples is known to the source."""
    assert not [reading.unknown for reading in both.readings if reading.unknown]


def test_every_call_is_counted_once(both: Both) -> None:
    """Over all threads the calls are the same: model, tokens, finality, first and last record."""
    ours: dict[int, Call] = {}
    for session in both.sessions.values():
        for key, call in session.calls.items():
            ours[key] = merge_calls(ours[key], call) if key in ours else call
    theirs = {key_of("claude_code", key): call for key, call in both.truth.calls.items()}
    assert {key: described(call) for key, call in ours.items()} == {
        key: (
            call.model or "unknown",
            (
                call.tokens.input,
                call.tokens.cache_read,
                call.tokens.cache_write,
                call.tokens.output,
            ),
            call.usage,
            (call.first, call.last),
        )
        for key, call in theirs.items()
    }


def described(call: Call) -> tuple[Any, ...]:
    """What the second count says of a call as well."""
    usage = call.usage
    return (
        call.model,
        (usage.input, usage.cache_read, usage.cache_write, usage.output) if usage else (0, 0, 0, 0),
        "none" if usage is None else "final" if call.final else "placeholder",
        (call.first_us, call.at_us),
    )


def test_every_thread_is_told_alike(both: Both) -> None:
    """A thread that shares nothing has the same calls, tools, outcomes, prompts, failures, span."""
    unshared = both.unshared
    assert len(unshared) >= 3
    theirs = both.truth.threads
    assert {s.thread.session_id: figures(s) for s in unshared} == {
        s.thread.session_id: second_figures(theirs[s.thread.session_id]) for s in unshared
    }


def test_no_thread_is_missing(both: Both) -> None:
    """Every thread that does something has a session, and every session is a thread."""
    busy = {
        name
        for name, thread in both.truth.threads.items()
        if any((thread.calls, thread.tool_calls, thread.prompts, thread.errors["api_error"]))
    }
    named = {thread.session_id for thread in both.sessions}
    assert busy <= named
    assert named <= both.truth.threads.keys()


def test_totals_count_copies_once(both: Both) -> None:
    """Over all threads, what several of them tell counts once."""
    merged = {
        kind: reduce(set.union, (set(getattr(s, kind)) for s in both.sessions.values()), set())
        for kind in OPERATIONS
    }
    totals = both.truth.totals
    assert {kind: len(keys) for kind, keys in merged.items()} == {
        "calls": totals.calls,
        "tools": totals.tool_calls + totals.results_without_call,
        "prompts": totals.prompts + totals.queued_prompts,
        "failures": totals.errors["api_error"] + totals.errors["synthetic"],
        "compactions": totals.compactions,
    }


def figures(session: Session) -> dict[str, Any]:
    """What the second count says of a thread as well."""
    uses = [use for use in session.tools.values() if use.tool is not None]
    timeline = timeline_of(session)
    outcomes = Counter("success" if u.reported == "expected_negative" else u.reported for u in uses)
    return {
        "calls": len(session.calls),
        "final_calls": sum(call.final for call in session.calls.values()),
        "tokens": sum(call.usage.total for call in session.calls.values() if call.usage),
        "tools": Counter(use.tool for use in uses),
        "outcomes": outcomes,
        "results_without_call": len(session.tools) - len(uses),
        "prompts": len(session.prompts),
        "failures": len(session.failures),
        "compactions": len(session.compactions),
        "span": (timeline.start_us, timeline.end_us),
    }


def second_figures(thread: second.Thread) -> dict[str, Any]:
    """The same figures by the second count."""
    return {
        "calls": thread.calls,
        "final_calls": thread.final_calls,
        "tokens": thread.tokens.total,
        "tools": thread.tools,
        "outcomes": thread.outcomes,
        "results_without_call": thread.results_without_call,
        "prompts": thread.prompts + thread.queued_prompts,
        "failures": thread.errors["api_error"] + thread.errors["synthetic"],
        "compactions": thread.compactions,
        "span": (thread.first, thread.last),
    }


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Truth, dict[str, SessionMetrics]]:
    """Give what the example AgentLog rows hold, and the figures of the sessions read from them."""
    folder = tmp_path_factory.mktemp("rows")
    truth = demo.write_demo(folder)
    readings, sessions = read_all(AGENT_LOG, sorted(folder.rglob("*.ndjson")))
    assert not any(reading.problems or reading.unknown for reading in readings)
    return truth, {t.session_id: measure(s, None) for t, s in sessions.items()}


AGENT_LOG_FIGURES: dict[
    str, tuple[Callable[[SessionMetrics], object], Callable[[SessionTruth], object]]
] = {
    "messages": (lambda m: m.messages, lambda s: s.figures.message_count),
    "prompts": (lambda m: m.prompts, lambda s: s.figures.prompts),
    "calls": (lambda m: m.calls, lambda s: s.figures.model_calls),
    "failures": (lambda m: m.failures, lambda s: sum(s.figures.failures.values())),
    "models": (
        lambda m: {name: use.calls for name, use in m.models.items()},
        lambda s: s.figures.models,
    ),
    "reported tokens": (
        lambda m: sum(use.total - use.estimated for use in m.models.values()),
        lambda s: s.figures.tokens.input + s.figures.tokens.output,
    ),
    "tools": (
        lambda m: {name: (t.count, t.success_count, t.error_count) for name, t in m.tools.items()},
        lambda s: {n: (t.calls, t.success, t.error) for n, t in s.figures.tools.items()},
    ),
    "errors": (
        lambda m: m.errors,
        lambda s: dict(Counter(s.figures.tool_errors) + Counter(s.figures.failures)),
    ),
    "retries": (lambda m: m.retries, lambda s: s.figures.retries),
}


@pytest.mark.parametrize("name", AGENT_LOG_FIGURES)
def test_rows_tell_what_was_written(
    name: str, rows: tuple[Truth, dict[str, SessionMetrics]]
) -> None:
    """The figures of AgentLog sessions are those that were counted while the rows were written."""
    truth, measured = rows
    ours, theirs = AGENT_LOG_FIGURES[name]
    written = {s.session_id: s for s in truth.sessions or () if s.format == "agent-log"}
    assert measured.keys() == written.keys()
    assert {i: ours(m) for i, m in measured.items()} == {i: theirs(s) for i, s in written.items()}
