"""Codex rollouts tell what a second count, which knows nothing of the source, finds in them."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

import golden
from tachlog.frames import read_lines
from tachlog.model import Features, Reading
from tachlog.operations import Call
from tachlog.sessions import Session, Sessions, fold
from tachlog.sources import all_sources
from truth import codex as second

CODEX = all_sources()["codex"]

NO_ROLLOUTS = frozenset(("damaged_lines", "exec_stdout", "headless"))
"""Cases of which the second count knows nothing."""


class Both:
    """The same rollouts, read by the source and counted by the second count."""

    def __init__(self, folder: Path) -> None:
        self.paths = second.rollouts(folder)
        assert self.paths, folder
        self.truth = second.count(self.paths)
        self.readings, self.sessions = read_all(self.paths)
        self.threads = {thread.session_id: s for thread, s in self.sessions.items()}


def read_all(paths: Iterable[Path]) -> tuple[list[Reading], Sessions]:
    """What the source makes of files, and the sessions that it tells."""
    readings: list[Reading] = []
    sessions: Sessions = {}
    for path in paths:
        state = CODEX.state()
        for chunk in read_lines(str(path)):
            readings.append(CODEX.read(chunk, state))
            fold(readings[-1].events, sessions)
    return readings, sessions


FOLDERS = ("Monotoba__OpenPrintKit", "Ogekuri__useReq", "shape-bbb459", "shape-f706a5")


@pytest.fixture(scope="module", params=FOLDERS)
def both(request: pytest.FixtureRequest) -> Both:
    """Give the real logs of one project, each counted once."""
    folder: Path = request.getfixturevalue("corpus_dir") / "codex" / request.param
    return Both(folder)


def test_records_are_all_accounted_for(both: Both) -> None:
    """There are as many records as lines, none of them a problem or of an unknown kind."""
    told = sum(len(r.record_keys) + sum(r.skipped.values()) for r in both.readings)
    assert told == both.truth.kinds.total()
    assert not [r.problems for r in both.readings if r.problems]
    assert not [r.unknown for r in both.readings if r.unknown]
    keys = [key for reading in both.readings for key in reading.record_keys]
    assert len(keys) == len(set(keys))


def test_every_thread_spends_alike(both: Both) -> None:
    """Each thread has the same calls with usage, tokens in each bucket, and models."""
    assert {name: spent(s) for name, s in both.threads.items()} == {
        name: (t.calls, +t.tokens, t.models) for name, t in both.truth.threads.items()
    }


def spent(session: Session) -> tuple[int, Counter[str], Counter[str]]:
    """Calls with usage, their tokens, their models."""
    calls = [call for call in session.calls.values() if call.usage]
    return len(calls), tokens_of(calls), Counter(call.model for call in calls)


def tokens_of(calls: Iterable[Call]) -> Counter[str]:
    """The tokens of calls by bucket."""
    tokens: Counter[str] = Counter()
    for call in calls:
        assert call.usage is not None
        tokens.update({name: getattr(call.usage, name) or 0 for name in second.BUCKETS})
    return +tokens


def test_every_thread_works_alike(both: Both) -> None:
    """Each thread has the same tool calls, results, prompts, compactions, turns, interruptions."""
    assert {name: work(s) for name, s in both.threads.items()} == {
        name: (
            t.parent,
            t.tools,
            t.results + t.tools["web_search"],
            t.prompts,
            t.compactions,
            t.interruptions,
            t.turns_ms,
        )
        for name, t in both.truth.threads.items()
    }


def work(session: Session) -> tuple[Any, ...]:
    """What a thread did beside spending tokens."""
    return (
        session.thread.parent,
        Counter(use.tool for use in session.tools.values()),
        sum(use.end_us is not None for use in session.tools.values()),
        len(session.prompts),
        len(session.compactions),
        len(session.told("interrupted")),
        sum(int(value.partition(":")[2]) for value in session.told("turn_ms")),
    )


def test_commands_end_alike(both: Both) -> None:
    """Each thread has the same exit codes, and about the same time in tools."""
    for name, session in both.threads.items():
        uses = session.tools.values()
        theirs = both.truth.threads[name]
        codes = Counter(use.exit_code for use in uses if use.exit_code is not None)
        assert codes == theirs.exit_codes, name
        assert sum(use.duration_ms or 0 for use in uses) == pytest.approx(
            theirs.tool_ms, abs=len(uses)
        )


def test_responses_have_items_and_usage(both: Both) -> None:
    """Nearly all calls have their items as well as their usage, in whatever order those came."""
    calls = [call for session in both.sessions.values() for call in session.calls.values()]
    whole = [call for call in calls if call.usage and call.features != Features()]
    assert len(whole) / len(calls) > 0.98
    assert all(call.final for call in whole)


def test_tool_calls_belong_to_calls(both: Both) -> None:
    """Every tool call was asked for by a call of its thread."""
    for session in both.sessions.values():
        assert {use.call for use in session.tools.values()} <= session.calls.keys()


CASES = [c for c in golden.cases() if c.parent.name == "codex" and c.name not in NO_ROLLOUTS]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_forks_and_originals_count_once(case: Path) -> None:
    """The calls of a case, each key once whoever tells it, spend what the second count says."""
    paths = second.rollouts(case)
    _, sessions = read_all(paths)
    calls = {k: c for s in sessions.values() for k, c in s.calls.items() if c.usage}
    truth = second.count(paths)
    assert tokens_of(calls.values()) == +truth.tokens
    assert len(calls) == sum(thread.calls for thread in truth.threads.values())
