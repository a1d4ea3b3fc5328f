"""What AgentLog rows mean: one row is one message and at most one operation."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tachlog.frames import read_csv_rows, read_lines, read_table
from tachlog.metrics import SessionMetrics
from tachlog.metrics.measure import measure
from tachlog.model import Chunk, Event, Failure, Prompt, Reading, Reply, ToolCall, ToolResult, Usage
from tachlog.sessions import Sessions, fold
from tachlog.sources import all_sources, detect
from tachlog.sources.agent_log import chunks, claims
from tachlog.sources.agent_log.shapes import Told
from tachlog.sources.agent_log.usage import usage_of
from tachlog.sources.agent_log.values import moment

ROW = {"id": 1, "session_id": "s", "model": "gpt-5-mini", "log_timestamp": "2026-04-01T08:00:00Z"}
USAGE = {"input_tokens": 100, "output_tokens": 20}
TOOL = {"name": "search", "input": {"q": "x"}, "content": "found"}
NOON_US = 1_775_044_800_000_000


def row(data: Any = None, tool: Any = None, **fields: Any) -> dict[str, Any]:
    """A row of session `s` with this content and tool call."""
    return {**ROW, "structured_data": data, "tool_calls": tool, **fields}


def read(*rows: dict[str, Any], path: str = "rows.ndjson") -> Reading:
    """What the source makes of rows."""
    data = b"".join(json.dumps(each).encode() + b"\n" for each in rows)
    return chunks.read(Chunk(path, 0, data, True), chunks.State())


def told(*rows: dict[str, Any]) -> list[Event]:
    """The events of rows, without titles."""
    reading = read(*rows)
    assert not reading.problems
    return [event for event in reading.events if not hasattr(event, "value")]


def kinds(*rows: dict[str, Any]) -> list[str]:
    """The names of the events of rows."""
    return [type(event).__name__ for event in told(*rows)]


def figures(*rows: dict[str, Any]) -> SessionMetrics:
    """The figures of the session that rows tell."""
    sessions: Sessions = {}
    fold(read(*rows).events, sessions)
    (session,) = sessions.values()
    return measure(session, None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (row({"role": "user", "payload": {"content": "hi"}}), ["Prompt"]),
        (row({"role": "system", "payload": {"content": "be kind"}}), ["Prompt"]),
        (row({"role": "assistant", "payload": {"content": "hello"}}), ["Reply"]),
        (row({"role": "Assistant"}), ["Reply"]),
        (row({"payload": {"content": "no role"}}), ["Prompt"]),
        (row(), ["Prompt"]),
        (row({"usage": USAGE}), ["Reply"]),
        (row(response_time=10), ["Reply"]),
        (row({"role": "user", "usage": USAGE}), ["Prompt", "Reply"]),
        (row(tool=TOOL), ["ToolCall", "ToolResult"]),
        (row(tool=TOOL, response_time=10), ["ToolCall", "ToolResult"]),
        (
            row(tool={**TOOL, "duration_ms": 3}, response_time=10),
            ["Reply", "ToolCall", "ToolResult"],
        ),
        (row({"usage": USAGE}, TOOL), ["Reply", "ToolCall", "ToolResult"]),
        (row({"role": "assistant"}, TOOL), ["Reply", "ToolCall", "ToolResult"]),
        (row({"role": "tool"}, TOOL), ["ToolCall", "ToolResult"]),
        (row({"error": "no"}), ["Failure"]),
        (row({"error": "no", "role": "assistant"}, response_time=10), ["Failure"]),
        (row({"error": "no", "usage": USAGE}), ["Reply", "Failure"]),
        (row({"error": "no"}, TOOL), ["Failure", "ToolCall", "ToolResult"]),
        (row({"error": "no"}, {**TOOL, "is_error": True}), ["ToolCall", "ToolResult"]),
    ],
)
def test_row_tells(fields: dict[str, Any], expected: list[str]) -> None:
    """What a row is follows from its role, usage, response time, tool call and error."""
    assert kinds(fields) == expected
    assert figures(fields).messages == 1
    assert figures(fields).operations == (0 if expected == ["Prompt"] else 1)


@pytest.mark.parametrize(
    ("data", "is_error", "successes"),
    [
        ({"usage": USAGE}, False, 1),
        ({"usage": USAGE}, True, 0),
        ({"usage": USAGE, "error": "no"}, False, 0),
        ({"usage": USAGE, "error": "no"}, True, 0),
        ({}, True, 0),
    ],
)
def test_row_fails_when_either_failed(data: Any, is_error: bool, successes: int) -> None:
    """A row with a model call and a tool call is one operation, a success when both were."""
    measured = figures(row(data, {**TOOL, "is_error": is_error}))
    assert (measured.op_successes, measured.op_errors) == (successes, 1 - successes)
    assert sum(measured.errors.values()) == 1 - successes


def test_several_tools_of_a_row_are_several_calls() -> None:
    """A list of tool calls tells each, and the row is still one operation."""
    measured = figures(row({"usage": USAGE}, [TOOL, {**TOOL, "is_error": True}, TOOL]))
    assert measured.tool_calls == 3
    assert measured.tools["search"].error_count == 1
    assert (measured.messages, measured.op_successes, measured.op_errors) == (1, 0, 1)


def test_is_error_is_taken_as_it_is() -> None:
    """No exit code, error type or wording decides that a tool call failed, or that it did not."""
    silent = {"name": "bash", "input": {"command": "grep x y"}, "content": "Exit code 1"}
    measured = figures(
        row(tool={**silent, "is_error": True}, id=1),
        row(tool={**silent, "is_error": False, "error_type": "timeout"}, id=2),
        row(tool={**silent, "content": "Traceback: fatal error"}, id=3),
    )
    assert (measured.tools["bash"].error_count, measured.tools["bash"].success_count) == (1, 2)
    assert measured.tools["bash"].expected_negative == 0


@pytest.mark.parametrize(
    ("is_error", "failed"),
    [(True, True), ("true", True), ("t", True), (1, True), ("1", True)]
    + [(x, False) for x in (False, None, "false", "f", "", 0, "0", "maybe")],
)
def test_is_error_in_the_words_of_databases(is_error: Any, failed: bool) -> None:
    """True and false may be numbers or texts."""
    result = told(row(tool={**TOOL, "is_error": is_error}))[-1]
    assert isinstance(result, ToolResult)
    assert result.outcome == ("error" if failed else "success")


@pytest.mark.parametrize(
    ("tool", "duration_ms"),
    [
        ({"duration_ms": 30, "execution_time": 40}, 30),
        ({"execution_time": "40.4"}, 40),
        ({}, 50),
        ({"duration_ms": -1}, 50),
        ({"duration_ms": 1e300}, 50),
    ],
)
def test_execution_time(tool: dict[str, Any], duration_ms: int) -> None:
    """A tool ran as long as it says, else as long as the row says."""
    result = told(row(tool={**TOOL, **tool}, response_time=50))[-1]
    assert isinstance(result, ToolResult)
    assert result.duration_ms == duration_ms


def test_error_class_comes_from_the_error_type_first() -> None:
    """A tool's error has the class that its type names, else the one that its text shows."""
    failed = {**TOOL, "is_error": True, "content": "connection refused"}
    by_type = told(row(tool={**failed, "error_type": "RateLimitError"}))[-1]
    by_text = told(row(tool=failed))[-1]
    by_error = told(row({"error": {"type": "timeout"}}, {**failed, "content": None}))[-1]
    assert [e.error_class for e in (by_type, by_text, by_error) if isinstance(e, ToolResult)] == [
        "rate_limit",
        "network",
        "timeout",
    ]


def test_failure_tells_what_the_error_tells() -> None:
    """Status, attempt and wait of a failed model call are kept, secrets in its message are not."""
    error = {
        "type": "rate_limit_error",
        "code": "429",
        "message": "slow down, key sk-proj-Zx81kQpLmN0vRtYw2uIoPa7sDfGhJkLcVbNm4QeRtYuIoPaS",
        "retry_after_ms": "1500",
        "attempt": 2,
    }
    (failure,) = told(row({"error": error}))
    assert isinstance(failure, Failure)
    assert (failure.error_class, failure.status) == ("rate_limit", 429)
    assert (failure.attempt, failure.retry_after_ms) == (2, 1500)
    assert failure.excerpt is not None
    assert failure.excerpt.startswith("slow down")
    assert "Zx81kQ" not in failure.excerpt


@pytest.mark.parametrize("error", [None, False, "", {}, [], 0])
def test_empty_error_is_none(error: Any) -> None:
    """What a database writes for no error is none."""
    assert kinds(row({"error": error, "usage": USAGE})) == ["Reply"]


@pytest.mark.parametrize(
    ("usage", "expected", "is_final"),
    [
        (USAGE, Usage(100, 0, 0, 20), True),
        ({**USAGE, "total_tokens": 999}, Usage(100, 0, 0, 20), True),
        ({**USAGE, "cache_read_input_tokens": 900}, Usage(100, 900, 0, 20), True),
        ({**USAGE, "cached_tokens": 90}, Usage(10, 90, 0, 20), True),
        ({**USAGE, "cached_tokens": 90, "total_tokens": 210}, Usage(100, 90, 0, 20), True),
        ({**USAGE, "cached_tokens": 900}, Usage(100, 900, 0, 20), True),
        ({"prompt_tokens": 100, "completion_tokens": 20}, Usage(100, 0, 0, 20), True),
        (
            {
                "prompt_tokens": 100,
                "cache_read_input_tokens": 30,
                "cache_creation_input_tokens": 50,
            },
            Usage(20, 30, 50, 0),
            False,
        ),
        (
            {**USAGE, "output_tokens_details": {"reasoning_tokens": 5}},
            Usage(100, 0, 0, 20, 0, 5),
            True,
        ),
        ({**USAGE, "reasoning_tokens": 5, "total_tokens": 125}, Usage(100, 0, 0, 25, 0, 5), True),
        ({"total_tokens": 500}, Usage(500), True),
        ({"total_tokens": 500, "output_tokens": 40}, Usage(460, 0, 0, 40), True),
        ({"total_tokens": 500, "input_tokens": 460}, Usage(460, 0, 0, 40), True),
        ({"input_tokens": 460}, Usage(460), False),
        ({"output_tokens": "12"}, Usage(output=12), True),
        ({}, None, False),
    ],
)
def test_usage_in_disjoint_buckets(
    usage: dict[str, Any], expected: Usage | None, is_final: bool
) -> None:
    """Whatever an API calls its counts, each token is in one bucket, and totals fill what lacks."""
    assert usage_of(msgspec.convert(usage, Told)) == (expected, is_final)


def test_tokens_that_no_api_reported_are_estimated() -> None:
    """A reply without usage has its words estimated, one without an output count just that."""
    said = {"payload": {"content": "word " * 100}}
    nothing = figures(row({"role": "assistant", **said}))
    assert nothing.models["gpt-5-mini"].input == 0
    assert 80 < nothing.models["gpt-5-mini"].output < 200
    assert nothing.models["gpt-5-mini"].estimated == nothing.models["gpt-5-mini"].output
    half = figures(row({"usage": {"input_tokens": 7}, **said}))
    assert half.models["gpt-5-mini"].input == 7
    assert half.models["gpt-5-mini"].output == nothing.models["gpt-5-mini"].output
    whole = figures(row({"usage": USAGE, **said}))
    assert (whole.models["gpt-5-mini"].output, whole.models["gpt-5-mini"].estimated) == (20, 0)


def test_row_in_its_columns_and_as_json_is_the_same_row(tmp_path: Path) -> None:
    """A row of a CSV file or of a table, all text, tells what it tells as a line of JSON."""
    rows = [
        row({"role": "user", "payload": {"content": 'hi, "you"\n;'}}),
        row({"usage": USAGE}, {**TOOL, "is_error": True}, id=2, response_time=12.5),
        row({"role": "assistant"}, None, id=3, response_time=None),
    ]
    names = [*rows[0], "response_time"]
    lines = tmp_path / "rows.ndjson"
    lines.write_text("".join(json.dumps(each) + "\n" for each in rows))
    table = tmp_path / "rows.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        for each in rows:
            cells = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in each.items()}
            writer.writerow(cells)
    database = tmp_path / "rows.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            f"CREATE TABLE agent_logs ({', '.join(names)}, created_at, PRIMARY KEY (id))"
        )
        for each in rows:
            cells = [json.dumps(v) if isinstance(v, dict) else v for v in map(each.get, names)]
            connection.execute(f"INSERT INTO agent_logs VALUES ({'?, ' * len(names)} NULL)", cells)
        connection.commit()
    table_url = f"sqlite:///{database}?table=agent_logs"
    told_by = [
        [chunks.read(chunk, chunks.State()) for chunk in cut]
        for cut in (
            read_lines(str(lines)),
            read_csv_rows(str(table)),
            (page.chunk for page in read_table(table_url)),
        )
    ]
    assert told_by[0] == told_by[1] == told_by[2]
    assert len(told_by[0][0].record_keys) == 3


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"session_id": None}, "no_session"),
        ({"session_id": " "}, "no_session"),
        ({"log_timestamp": None}, "no_time"),
        ({"log_timestamp": "at noon"}, "no_time"),
        ({"id": []}, "unexpected_shape"),
    ],
)
def test_row_that_cannot_be_counted_is_a_problem(fields: dict[str, Any], kind: str) -> None:
    """A row without a session or a time is a problem that says where it is; the others count."""
    secret = "AKIAQ7XW3NPL5ZTRB2VD"
    good, bad = row(), row({"payload": {"content": secret}}, **fields)
    size = len(json.dumps(good)) + 1
    for path, place in (("rows.ndjson", size), ("rows.csv", 1), ("sqlite:///a.db?table=t", 1)):
        reading = read(good, bad, row(id=2), path=path)
        assert len(reading.record_keys) == 2
        (problem,) = reading.problems
        assert (problem.kind, problem.offset, problem.path) == (kind, place, path)
        assert secret not in problem.detail


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-04-01T12:00:00Z", (NOON_US, True)),
        ("2026-04-01 14:00:00+02", (NOON_US, True)),
        ("2026-04-01 12:00:00", (NOON_US, False)),
        (1775044800, (NOON_US, True)),
        ("1775044800.25", (NOON_US + 250_000, True)),
        (1775044800000, (NOON_US, True)),
        (1775044800000000, (NOON_US, True)),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        (9e16, None),
        ("soon", None),
        ("", None),
        (None, None),
        (5, None),
        (1e300, None),
        ("nan", None),
        (10**400, None),
    ],
)
def test_times(value: Any, expected: tuple[int, bool] | None) -> None:
    """A time is ISO 8601, or seconds, milliseconds or microseconds; without a zone it is UTC."""
    assert moment(value) == expected


def test_time_without_a_zone_is_noted() -> None:
    """Rows whose times had to be taken for UTC are counted."""
    naive = row(log_timestamp="2026-04-01T08:00:00")
    assert read(naive, row(id=2), {**naive, "id": 3}).unknown == {"log_timestamp/no_zone": 2}


def test_created_at_stands_in_for_the_time() -> None:
    """A row without a readable log_timestamp was logged when it was created."""
    (prompt,) = told(row(log_timestamp="?", created_at="2026-04-01T12:00:00Z"))
    assert prompt.at_us == NOON_US


def test_waits_in_the_queue() -> None:
    """A prompt waited until it was taken up; a reply was asked for when it was queued."""
    waits = {"queued_at": "2026-04-01T07:59:50Z", "started_at": "2026-04-01T07:59:57Z"}
    (prompt,) = told(row({"role": "user", **waits}))
    assert isinstance(prompt, Prompt)
    assert prompt.queued_ms == 7_000
    (reply,) = told(row({"role": "assistant", **waits}))
    assert isinstance(reply, Reply)
    assert reply.sent_us == reply.at_us - 10_000_000
    assert figures(row({"role": "assistant", **waits})).response_us == 10_000_000


def test_ids_are_unique_within_a_session() -> None:
    """The same id in another session is another row; in the same session it is the same row."""
    keys = read(row(), row(session_id="t"), row(), row(id="1"), row(id="2")).record_keys
    assert keys[0] == keys[2] == keys[3]
    assert len(set(keys)) == 3


def test_row_without_an_id_is_known_by_what_it_says() -> None:
    """Two rows without ids are one only when they are equal in all that is read of them."""
    first, other = row({"role": "user"}, id=None), row({"role": "user"}, id=None, response_time=1)
    keys = read(first, other, first).record_keys
    assert keys[0] == keys[2] != keys[1]


def test_provider_is_told_by_the_model_where_the_row_is_silent() -> None:
    """The row's provider wins; without one it follows from the model's name."""
    replies = told(
        row({"usage": USAGE}, provider="azure"),
        row({"usage": USAGE}, id=2),
        row({"usage": USAGE}, id=3, model=None),
    )
    assert [(r.provider, r.model) for r in replies if isinstance(r, Reply)] == [
        ("azure", "gpt-5-mini"),
        ("openai", "gpt-5-mini"),
        ("unknown", "unknown"),
    ]


def test_first_words_of_a_person_are_the_title() -> None:
    """The title is what a person said first, in time, and no system message."""
    said = [
        row({"role": "system", "payload": {"content": "Be kind."}}),
        row(
            {"role": "user", "payload": {"content": "Later."}},
            id=2,
            log_timestamp="2026-04-02T00:00:00Z",
        ),
        row({"role": "user", "payload": {"content": "Refund order 12"}}, id=3),
        row({"role": "assistant", "payload": {"content": "Done."}}, id=4),
    ]
    assert figures(*said).title == "Refund order 12"


def test_behaviors_are_the_assistants() -> None:
    """What a person says shows no behaviour of the agent."""
    text = {"payload": {"content": "Retrying with an alternative."}}
    assert figures(row({"role": "assistant", **text})).behaviors == {"retry": 1, "fallback": 1}
    assert figures(row({"role": "user", **text})).behaviors == {}


def test_tool_without_input_has_no_digest() -> None:
    """Two calls of which no input is told are not taken for equal."""
    call = told(row(tool={"name": "now"}))[0]
    assert isinstance(call, ToolCall)
    assert (call.input_bytes, call.input_digest) == (0, 0)


@pytest.mark.parametrize(
    ("path", "head", "claimed"),
    [
        ("a.ndjson", b'{"session_id": 1, "response_time": null}', True),
        ("a.jsonl.gz", b'\n{"session_id": "x", "tool_calls": {}}\n{"torn', True),
        ("a.NDJSON", b'{"session_id": "x", "structured_data": "{}"}\n', True),
        ("postgresql://h/d?table=agent_logs", b'{"session_id": "x", "log_timestamp": 1}\n', True),
        ("a.csv", b"id,session_id,log_timestamp\n", True),
        ("a.tsv", b'"id"\t"session_id"\t"tool_calls"\r\n', True),
        ("a.csv", b"\xef\xbb\xbfsession_id;response_time\n", True),
        ("a.csv", b'{"session_id": "x", "log_timestamp": 1}\n', True),
        ("a.csv", b"id,session_id,user\n", False),
        ("a.csv", b"id,log_timestamp\n", False),
        ("a.txt", b'{"session_id": "x", "log_timestamp": 1}\n', False),
        ("a.jsonl", b'{"session_id": "x"}\n', False),
        ("a.jsonl", b'{"session_id": "x", "response_time": 1, "sessionId": "x"}\n', False),
        ("a.jsonl", b'{"session_id": "x", "response_time": 1, "parentUuid": null}\n', False),
        ("a.jsonl", b'{"session_id": null, "response_time": 1}\n', False),
    ],
)
def test_claims(path: str, head: bytes, claimed: bool) -> None:
    """A file is claimed by its fields: a session, and one that only this record has."""
    assert claims(path, head) is claimed
    assert detect(path, head) is (all_sources()["agent_log"] if claimed else None)
