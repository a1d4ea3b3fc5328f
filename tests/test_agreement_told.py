"""What `doctor --reconcile` says of sessions that several tellings tell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import golden
from conftest import Run
from tachlog.analysis.agreement import Alone, Difference, Stated, agreements
from tachlog.model import (
    RUN_TOTALS,
    Compaction,
    Failure,
    Prompt,
    Reply,
    Telling,
    Thread,
    Usage,
    key_of,
)
from tachlog.operations import call_of

SECOND = 1_000_000
START_US = 1_790_000_000 * SECOND
THREAD = Thread("codex", "s", "s")


def call(
    telling: Telling,
    key: str,
    usage: Usage | None,
    *,
    at: int = 0,
    of: int | None = 0,
    **facts: Any,
) -> Stated:
    """A model call that counts as `of` (0: itself)."""
    number = key_of(telling, key)
    facts.setdefault("stop_reason", "completed")
    at_us = START_US + at * SECOND
    told = Reply(number, THREAD, at_us, number, "gpt-5", "openai", usage, **facts)
    return Stated("codex", "s", telling, number if of == 0 else of, call_of(told))


def other(telling: Telling, operation: Any, of: int | None = 0) -> Stated:
    """Another operation."""
    return Stated("codex", "s", telling, operation.key if of == 0 else of, operation)


def alone(*stated: Stated) -> list[Alone]:
    """What only one telling of this one session tells."""
    (session,) = agreements(stated)
    return session.alone


def test_tellings_that_agree_have_nothing_to_say() -> None:
    """Both columns are alike, what counts is one of them, and nothing stands alone."""
    usage = Usage(10, 20, 5, 7)
    log = call("log", "a", usage)
    (session,) = agreements([log, call("telemetry", "x", usage, of=log.counts)])
    assert session.tellings["log"] == session.tellings["telemetry"] == session.counted
    assert (session.counted.model_calls, session.counted.tokens) == (1, 42)
    assert session.matched == {"model_calls": 1}
    assert (session.alone, session.differences, session.disagreement) == ([], [], 0)


def test_a_session_of_one_telling_is_left_out() -> None:
    """A thread that belongs to a family of which another is told twice is not reconciled."""
    assert agreements([call("log", "a", Usage(1))]) == []


def test_metrics_are_no_witness_against_single_calls() -> None:
    """What only one telling tells beside metrics is no call that its log lacks."""
    sums = call("metrics", "m", Usage(10, 20, 5, 7), of=None, stop_reason=RUN_TOTALS)
    single, whole = alone(sums, call("telemetry", "x", Usage(10, 20, 5, 7)))[::-1]
    assert (single.telling, single.cause) == ("telemetry", "metrics tell sums alone")
    assert (whole.telling, whole.cause) == ("metrics", "others tell these calls one by one")


def test_differences_of_a_call_are_told_by_bucket_and_cause() -> None:
    """A placeholder, a write that is told as input, and what nobody can explain."""
    log = call("log", "a", Usage(10, 0, 90, 1), stop_reason=None)
    full = call("telemetry", "x", Usage(10, 0, 90, 300), of=log.counts)
    unsplit = call("telemetry", "y", Usage(100, 0, 0, 300), of=log.counts)
    odd = call("telemetry", "z", Usage(11, 0, 90, 300), of=log.counts)
    (session,) = agreements([log, full, unsplit, odd])
    causes = {(d.telling, d.bucket, d.tokens): d.cause for d in session.differences}
    assert causes == {
        ("log", "output", -299): "it has what was counted when the reply began",
        ("telemetry", "input", 90): "it does not tell apart what the cache read and wrote",
        ("telemetry", "cache_write", -90): "it does not tell apart what the cache read and wrote",
        ("telemetry", "input", 1): "unknown: please report it",
    }
    assert session.counted.output == 300
    assert session.disagreement == 299 + 90 + 90 + 1


def test_sums_are_held_against_the_calls() -> None:
    """What was printed as one sum leaves something out, or holds more."""
    calls = [call("log", "a", Usage(10, 0, 0, 5)), call("log", "b", Usage(20, 0, 0, 5), at=1)]
    summed = call("printed", "r", Usage(25, 0, 0, 12), of=None, stop_reason=RUN_TOTALS)
    (session,) = agreements([*calls, summed])
    left_out = "its sums leave out sub-agents, or runs that are not told or never ended"
    more = "its sums hold calls that no other has, or what a fork inherited"
    assert session.differences == [
        Difference("printed", "input", 1, -5, left_out),
        Difference("printed", "output", 1, 2, more),
    ]
    assert session.alone == [
        Alone("log", "model_calls", 2, 40, True, "what a run prints does not hold it"),
        Alone("printed", "sums", 1, 37, False, "others tell these calls one by one"),
    ]


def test_what_only_the_log_tells_has_a_likely_cause() -> None:
    """Exports begin late, end early, lose what was cut short, and leave sub-agents' prompts out."""
    first, last = (call("telemetry", str(at), Usage(1), at=at) for at in (10, 20))
    told = [
        call("log", "early", Usage(1), at=1),
        call("log", "late", Usage(1), at=30),
        call("log", "lost", Usage(1), at=15),
        call("log", "cut", None, at=15, stop_reason=None),
        other("log", Prompt(1, THREAD, START_US, 5, by_person=False)),
        other("log", Compaction(2, THREAD, START_US)),
        other("log", Failure(3, THREAD, START_US, "overloaded")),
    ]
    causes = {one.cause: one.kind for one in alone(first, last, *told) if one.telling == "log"}
    assert causes == {
        "it came before the first that was exported": "model_calls",
        "it came after the last that was exported": "model_calls",
        "it was not exported, or the export was lost": "model_calls",
        "it was cut short, and its usage never told at an end": "model_calls",
        "prompts of sub-agents are not exported": "prompts",
        "telemetry tells none of the session": "compactions",
        "attempts that were made again are perhaps not exported": "failures",
    }


def test_what_only_telemetry_tells_has_a_likely_cause() -> None:
    """Side calls and attempts made again are in no log; a command is no prompt."""
    log = call("log", "a", Usage(1))
    found = alone(
        log,
        call("telemetry", "x", Usage(2)),
        other("telemetry", Failure(3, THREAD, START_US, "overloaded")),
        other("telemetry", Prompt(4, THREAD, START_US, 8), None),
    )
    assert [(one.kind, one.counted, one.cause) for one in found if one.telling == "telemetry"] == [
        (
            "failures",
            True,
            "the log does not hold attempts that were made again, or failed runs",
        ),
        ("model_calls", True, "the log holds no such call: one that compacts, or a side call"),
        ("prompts", False, "it is no prompt in the log: a command, or the program's own words"),
    ]


CASES = (
    golden.CORPUS / "codex/recorded_0.169.0",
    golden.CORPUS / "codex/recorded_exec_0.169.0",
    golden.CORPUS / "otlp/recorded_codex_0.169.0",
)


def test_the_verb_shows_each_telling_and_what_counts(tachlog: Run, tmp_path: Path) -> None:
    """Three tellings of recorded runs: what each has, what several have, who stands alone."""
    logs = [log.path for case in CASES for log in golden.logs_of(case)]
    database = tmp_path / "archive.db"
    tachlog("analyze", "--db", database, *logs)
    told = json.loads(tachlog("doctor", "--reconcile", "--json", "--db", database).stdout)
    (main,) = (one for one in told["sessions"] if one["counted"]["model_calls"] == 12)
    assert list(main["tellings"]) == ["log", "telemetry", "printed"]
    assert main["tellings"]["log"]["model_calls"] == main["tellings"]["telemetry"]["model_calls"]
    assert main["matched"] == {"model_calls": 12, "tool_calls": 8, "prompts": 4}
    shown = tachlog("doctor", "--reconcile", "--db", database).stdout.splitlines()
    assert shown[0] == f"TELLINGS {len(told['sessions'])} sessions told by several"
    assert " ".join(shown[1:3]).startswith("compared: what the log of a session, its telemetry")
    assert shown[3] == (
        f"{told['agree']} of {len(told['sessions'])} agree in the tokens of all that several tell"
    )
    assert f"Codex {main['session_id']}" in shown
    assert "  told by several: 12 model calls, 8 tool calls, 4 prompts" in shown
    telling = [line.split()[0] for line in shown[6:11]]
    assert telling == ["TOLD", "log", "telemetry", "printed", "counted"]


def test_the_verb_says_when_nothing_is_told_twice(tachlog: Run, tmp_path: Path) -> None:
    """Neither an archive of one telling nor none at all is an error."""
    database = tmp_path / "archive.db"
    nothing = "no session is told by more than one of its log, telemetry, metrics and printed runs"
    assert tachlog("doctor", "--reconcile", "--db", database).stdout.splitlines()[-1] == nothing
    tachlog("analyze", "--db", database, *(log.path for log in golden.logs_of(CASES[0])))
    assert tachlog("doctor", "--reconcile", "--db", database).stdout.splitlines()[-1] == nothing
