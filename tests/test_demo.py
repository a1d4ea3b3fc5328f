"""The example logs: alike for the same seed, shaped like real ones, and known exactly."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tachlog.demo import DEFAULT_SIZE, LEAST_SIZE, UNTIL, Truth, write_demo
from tachlog.demo.agent_log import RowLog
from tachlog.demo.dice import Dice
from tachlog.demo.hours import Calendar
from tachlog.demo.stories import forks
from tachlog.demo.truth import SessionTruth, Tally
from tachlog.demo.writing import Output

Record = dict[str, Any]

CHECKS = (
    "npm test",
    "npm run lint",
    "pytest -q",
    "ruff check .",
    "go test ./...",
    "golangci-lint run",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    """The default example logs, which no test changes."""
    directory = tmp_path_factory.mktemp("demo")
    return directory, write_demo(directory)


def digest(directory: Path) -> str:
    """One digest of all paths and contents."""
    total = hashlib.sha256()
    for path in sorted(file for file in directory.rglob("*") if file.is_file()):
        total.update(str(path.relative_to(directory)).encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def values(path: Path, faults: Counter[str]) -> Iterator[Record]:
    """Every JSON value of a file, counting what is not one value on one line."""
    text = path.read_text(encoding="utf-8")
    faults["unterminated"] += not text.endswith("\n")
    decoder = json.JSONDecoder()
    for line in text.removesuffix("\n").split("\n"):
        if not line:
            faults["blank"] += 1
            continue
        at = found = 0
        try:
            while at < len(line):
                value, at = decoder.raw_decode(line, at)
                found += 1
                yield value
        except json.JSONDecodeError:
            faults["damaged"] += 1
        faults["joined"] += found > 1


def all_values(directory: Path) -> tuple[dict[str, list[Record]], Counter[str]]:
    """The values of every file by its relative path."""
    faults: Counter[str] = Counter()
    paths = sorted((*directory.rglob("*.jsonl"), *directory.rglob("*.ndjson")))
    files = {str(path.relative_to(directory)): list(values(path, faults)) for path in paths}
    return files, faults


def thread_of(record: Record) -> str:
    """The id of the thread that a Claude Code record belongs to."""
    agent = record.get("agentId") or record.get("data", {}).get("agentId")
    session = record["sessionId"]
    return f"{session}/{agent}" if agent else str(session)


def unwrapped(record: Record) -> Record:
    """The record that an older version hides in a progress record, else itself."""
    if record["type"] == "progress" and record["data"]["type"] == "agent_progress":
        return {**record["data"]["message"], "sessionId": record["sessionId"], "progress": True}
    return record


def recount(files: dict[str, list[Record]], truth: Truth) -> dict[str, Record]:
    """Count the work of each Claude Code thread from the files, by plain rules."""
    owners = {fork.session_id: fork.owner for fork in truth.forks or ()}
    own: dict[str, set[str]] = {}
    for records in files.values():
        for record in records:
            if "uuid" in record and "agentId" not in record:
                own.setdefault(record["sessionId"], set()).add(record["uuid"])
    threads: dict[str, Record] = {}
    for path, records in files.items():
        if not path.startswith("claude/"):
            continue
        for record in records:
            if "uuid" not in record:
                continue
            session = record["sessionId"]
            taken_from = session if record.get("agentId") else owners.get(session)
            if taken_from and record["uuid"] in own[taken_from]:
                continue
            thread = threads.setdefault(thread_of(record), new_count())
            add_record(thread, unwrapped(record))
    for thread in threads.values():
        settle(thread)
    return threads


def new_count() -> Record:
    """What is counted of one thread."""
    return {
        "prompts": 0,
        "groups": {},
        "uses": {},
        "results": {},
        "failures": Counter(),
        "compactions": 0,
        "times": [],
    }


def add_record(thread: Record, record: Record) -> None:
    """Add one record to the count of its thread."""
    kind = record["type"]
    if kind == "assistant" and record["message"]["model"] == "<synthetic>":
        thread["failures"][failure_class(record)] += 1
        thread["times"].append(record["timestamp"])
    elif kind == "assistant":
        message = record["message"]
        thread["groups"].setdefault(message["id"], []).append(message)
        thread["times"].append(record["timestamp"])
        for block in message["content"]:
            if block["type"] == "tool_use":
                thread["uses"][block["id"]] = block
    elif kind == "user":
        count_user(thread, record)
    elif kind == "system" and record["subtype"] == "api_error":
        status = record["error"].get("status")
        names = {429: "rate_limit", 529: "overloaded", 500: "server_error", None: "network"}
        thread["failures"][names[status]] += 1
        thread["times"].append(record["timestamp"])
    elif kind == "system" and record["subtype"] == "compact_boundary":
        thread["compactions"] += 1
    elif kind == "attachment" and record["attachment"].get("commandMode") == "prompt":
        thread["prompts"] += 1
        thread["times"].append(record["timestamp"])


def failure_class(record: Record) -> str:
    """The class of a failure that is told in the model's place."""
    text = record["message"]["content"][0]["text"]
    if record["error"] in ("rate_limit", "overloaded"):
        return str(record["error"])
    return "auth_failure" if "401" in text else "context_overflow"


def count_user(thread: Record, record: Record) -> None:
    """Add a user record: a prompt, tool results, or neither."""
    content = record["message"]["content"]
    if isinstance(content, list) and content[0]["type"] == "tool_result":
        block = content[0]
        thread["results"][block["tool_use_id"]] = (block, record.get("toolUseResult"))
        thread["times"].append(record["timestamp"])
        return
    text = content if isinstance(content, str) else content[0]["text"]
    said_by_person = not text.startswith(("<command-", "<local-command-", "[Request interrupted"))
    if said_by_person and not record.get("isMeta") and not record.get("isCompactSummary"):
        thread["prompts"] += 1
        thread["times"].append(record["timestamp"])


def settle(thread: Record) -> None:
    """Decide what the counted groups and calls mean."""
    tokens: Counter[str] = Counter()
    placeholders = 0
    for messages in thread["groups"].values():
        last = messages[-1]["usage"]
        outputs = {message["usage"]["output_tokens"] for message in messages}
        stopped = any(message["stop_reason"] for message in messages)
        tokens["input"] += last["input_tokens"]
        tokens["cache_read"] += last["cache_read_input_tokens"]
        tokens["cache_write"] += last["cache_creation_input_tokens"]
        tokens["cache_write_1h"] += last["cache_creation"]["ephemeral_1h_input_tokens"]
        details = last.get("output_tokens_details", {})
        if stopped or len(outputs) > 1:
            tokens["output"] += last["output_tokens"]
            tokens["reasoning"] += details.get("thinking_tokens", 0)
        else:
            placeholders += 1
    thread["tokens"] = tokens
    thread["placeholders"] = placeholders
    tools: dict[str, Counter[str]] = {}
    for call_id, use in thread["uses"].items():
        outcome = outcome_of(use, *thread["results"].get(call_id, (None, None)))
        tools.setdefault(use["name"], Counter())[outcome] += 1
    thread["tools"] = tools


def outcome_of(use: Record, result: Record | None, kept: Any) -> str:
    """How a tool call ended."""
    if result is None:
        return "unfinished"
    content = result["content"]
    if result.get("is_error"):
        if content.startswith("The user doesn't want"):
            return "rejected"
        if content.startswith("[Request interrupted"):
            return "interrupted"
        command = use["input"].get("command", "")
        if content.startswith("Exit code 1\n") and command in CHECKS:
            return "check_failed"
        return "expected_negative" if content == "Exit code 1" else "error"
    if use["name"] == "Grep" and content == "No files found":
        return "expected_negative"
    if isinstance(kept, dict) and kept.get("returnCodeInterpretation") == "No matches found":
        return "expected_negative"
    return "success"


def told_tools(session: SessionTruth) -> dict[str, Counter[str]]:
    """The truth's outcomes, without zeros."""
    return {
        name: Counter(
            {
                field: getattr(counts, field)
                for field in counts.__struct_fields__
                if field != "calls" and getattr(counts, field)
            }
        )
        for name, counts in session.figures.tools.items()
    }


def claude_sessions(truth: Truth) -> list[SessionTruth]:
    """The truths about Claude Code threads."""
    return [session for session in truth.sessions or () if session.format == "claude-code"]


def test_same_seed_writes_the_same_bytes(tmp_path: Path, demo: tuple[Path, Truth]) -> None:
    """The same seed and size give the same files and the same truth."""
    directory, truth = demo
    again = write_demo(tmp_path)
    assert digest(tmp_path) == digest(directory)
    assert again == truth


def test_other_seed_writes_other_bytes(tmp_path: Path, demo: tuple[Path, Truth]) -> None:
    """Another seed tells other sessions."""
    directory, truth = demo
    other = write_demo(tmp_path, seed=8)
    assert digest(tmp_path) != digest(directory)
    assert other.totals.model_calls != truth.totals.model_calls


def test_truth_counts_files_and_records(demo: tuple[Path, Truth]) -> None:
    """Files, bytes, records, kinds, copies and damages are as a reader finds them."""
    directory, truth = demo
    files, faults = all_values(directory)
    records = [record for values_of in files.values() for record in values_of]
    uuids = Counter(record["uuid"] for record in records if "uuid" in record)
    assert len(files) == truth.files
    assert sum(path.stat().st_size for path in directory.rglob("*.*json*")) == truth.bytes
    assert len(records) == truth.records == sum(truth.kinds.values())
    assert sum(uuids.values()) - len(uuids) == truth.copies > 0
    assert faults == {
        "damaged": truth.damaged_lines,
        "joined": truth.joined_lines,
        "blank": truth.blank_lines,
        "unterminated": truth.unterminated_files,
    }
    assert 0 not in faults.values()


def kind_of(record: Record) -> str:
    """The kind of a record: its type, with the subtype where there is one."""
    if "structured_data" in record:
        return "agent-log"
    inner = record.get("data") or record.get("attachment") or {}
    subtype = record.get("subtype") or inner.get("type")
    return f"{record['type']}/{subtype}" if subtype else str(record["type"])


def test_truth_counts_kinds(demo: tuple[Path, Truth]) -> None:
    """Each kind of record occurs as often as the truth says."""
    directory, truth = demo
    files, _ = all_values(directory)
    kinds = Counter(kind_of(record) for records in files.values() for record in records)
    assert kinds == truth.kinds


def test_claude_code_truth_agrees_with_a_plain_count(demo: tuple[Path, Truth]) -> None:
    """Prompts, calls, tokens, tools, failures, compactions and times are those in the files."""
    directory, truth = demo
    files, _ = all_values(directory)
    threads = recount(files, truth)
    for session in claude_sessions(truth):
        figures, thread = session.figures, threads[session.session_id]
        assert thread["prompts"] == figures.prompts
        assert len(thread["groups"]) == figures.model_calls
        assert figures.message_count == figures.prompts + figures.model_calls
        assert thread["placeholders"] == figures.placeholder_calls
        told = msgspec.structs.asdict(figures.tokens)
        assert thread["tokens"] == Counter({name: told[name] for name in thread["tokens"]})
        assert thread["tools"] == told_tools(session)
        assert thread["failures"] == Counter(figures.failures)
        assert thread["compactions"] == figures.compactions
        times = [datetime.fromisoformat(stamp) for stamp in thread["times"]]
        assert (min(times), max(times)) == (session.start_time, session.end_time)
    assert set(threads) == {session.session_id for session in claude_sessions(truth)}


def test_agent_log_truth_agrees_with_a_plain_count(demo: tuple[Path, Truth]) -> None:
    """Rows, calls, tokens, failures and tools of AgentLog sessions are those in the files."""
    directory, truth = demo
    files, _ = all_values(directory)
    rows = [row for path, found in files.items() if path.startswith("agent-logs") for row in found]
    assert len({row["id"] for row in rows}) == len(rows)
    for session in truth.sessions or ():
        if session.format != "agent-log":
            continue
        own = [row for row in rows if row["session_id"] == session.session_id]
        data = [row["structured_data"] for row in own]
        usages = [each["usage"] for each in data if "usage" in each]
        calls = [row["tool_calls"] for row in own if row["tool_calls"]]
        figures = session.figures
        assert len(own) == figures.message_count
        assert sum("error" in each for each in data) == sum(figures.failures.values())
        assert sum(usage["input_tokens"] for usage in usages) == figures.tokens.input
        assert sum(usage["output_tokens"] for usage in usages) == figures.tokens.output
        assert len(calls) == sum(tool.calls for tool in figures.tools.values())
        errors = sum(call["is_error"] for call in calls)
        assert errors == sum(tool.error for tool in figures.tools.values())
        assert own[0]["log_timestamp"] == stamp(session.start_time)
        assert own[-1]["log_timestamp"] == stamp(session.end_time)


def stamp(at: datetime | None) -> str:
    """A time as the logs have it."""
    assert at is not None
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_totals_are_the_sums_of_the_threads(demo: tuple[Path, Truth]) -> None:
    """Every figure of all is the sum of the threads' figures."""
    _, truth = demo
    assert truth.sessions is not None
    assert len(truth.sessions) == truth.thread_count
    roots = [session for session in truth.sessions if session.parent_session_id is None]
    assert len(roots) == truth.session_count
    for field in ("message_count", "prompts", "model_calls", "retries", "compactions"):
        parts = [getattr(session.figures, field) for session in truth.sessions]
        assert sum(parts) == getattr(truth.totals, field)
    for field in truth.totals.tokens.__struct_fields__:
        parts = [getattr(session.figures.tokens, field) for session in truth.sessions]
        assert sum(parts) == getattr(truth.totals.tokens, field)


def test_logs_cover_five_weeks_of_working_hours(demo: tuple[Path, Truth]) -> None:
    """Sessions lie within five weeks before the end, most of them on weekdays by day."""
    _, truth = demo
    starts = [session.start_time for session in truth.sessions or () if session.start_time]
    ends = [session.end_time for session in truth.sessions or () if session.end_time]
    assert truth.until == UNTIL
    assert min(starts) > UNTIL - timedelta(weeks=5)
    assert UNTIL - timedelta(minutes=5) < max(ends) < UNTIL
    by_day = [at for at in starts if at.weekday() < 5 and 6 <= at.hour < 20]
    assert len(by_day) > len(starts) * 0.8


def test_everything_planted_is_there(demo: tuple[Path, Truth]) -> None:
    """Each of the situations that the logs are made to show occurs."""
    directory, truth = demo
    sessions = truth.sessions or ()
    figures = truth.totals
    assert {loop.tools for session in sessions for loop in session.loops} >= {
        ("Bash",),
        ("search_orders",),
    }
    assert sum(len(session.spikes) for session in sessions) == 2
    assert {cluster.error_class for session in sessions for cluster in session.clusters} == {
        "network",
        "rate_limit",
    }
    assert any(session.cache_collapses for session in sessions)
    assert figures.compactions >= 3
    assert figures.retries > 20
    assert figures.placeholder_calls > 20
    assert {"rate_limit", "overloaded", "network", "server_error", "auth_failure"} <= set(
        figures.failures
    )
    assert {"edit_conflict", "command_failed", "network", "not_found"} <= set(figures.tool_errors)
    assert len(truth.forks or ()) >= 2
    assert figures.tools["Grep"].expected_negative > 0
    outcomes = Counter[str]()
    for tool in figures.tools.values():
        outcomes.update(msgspec.structs.asdict(tool))
    assert min(outcomes.values()) > 0
    text = "".join(path.read_text(encoding="utf-8") for path in directory.rglob("*.jsonl"))
    assert truth.planted_secret in text
    versions = ("2.0.76", "2.1.49", "2.1.92", "2.1.138", "2.1.218", "2.1.330")
    assert all(f'"version":"{version}"' in text for version in versions)


def test_default_size_is_a_few_megabytes(demo: tuple[Path, Truth]) -> None:
    """The default holds enough sessions to look at and stays small."""
    _, truth = demo
    assert truth.bytes == pytest.approx(DEFAULT_SIZE, rel=0.1)
    assert 25 <= truth.session_count <= 45


@pytest.mark.parametrize("size", [LEAST_SIZE, 12_000_000])
def test_size_is_reached(tmp_path: Path, size: int) -> None:
    """What is written has about the size that was asked for."""
    truth = write_demo(tmp_path, size_bytes=size)
    written = sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
    assert written == truth.bytes == pytest.approx(size, rel=0.1)


def test_larger_logs_agree_with_a_plain_count(tmp_path: Path) -> None:
    """The ordinary sessions that fill larger logs are known exactly as well."""
    truth = write_demo(tmp_path, seed=16, size_bytes=12_000_000)
    files, _ = all_values(tmp_path)
    threads = recount(files, truth)
    calls = sum(len(thread["groups"]) for thread in threads.values())
    claude = claude_sessions(truth)
    assert calls == sum(session.figures.model_calls for session in claude)
    for session in claude:
        if session.session_id in threads:
            assert threads[session.session_id]["tools"] == told_tools(session)
            assert session.end_time is not None
            assert session.end_time < UNTIL
    records = sum(len(records) for records in files.values())
    assert records == truth.records
    assert len(truth.forks or ()) > 2  # two are told in every set


def test_templates_are_filled_in(demo: tuple[Path, Truth]) -> None:
    """No text of the logs shows the name of what should stand there."""
    directory, _ = demo
    for path in directory.rglob("*.*json*"):
        text = path.read_text(encoding="utf-8")
        assert "{noun}" not in text
        assert "{file}" not in text
        assert "{n}" not in text


def test_output_keeps_no_more_than_it_may(tmp_path: Path) -> None:
    """Beyond a number of threads only sums are kept, and rows go on in another file."""
    calendar = Calendar(UNTIL)
    output = Output(tmp_path, most_threads=3, rows_file_bytes=2_000)
    for session in forks(Dice("few"), calendar):
        output.transcript(session)
    ids = count(1)
    for number in range(3):
        log = RowLog("desk", Dice(str(number)), lambda: next(ids), calendar.workday(1, 9), 0)
        log.conversation(4)
        output.rows(log)
    truth = output.truth(1, UNTIL, "")
    assert truth.sessions is None
    assert truth.forks is None
    assert (truth.session_count, truth.thread_count) == (7, 7)
    assert truth.kinds["agent-log"] == next(ids) - 1
    assert len(list((tmp_path / "agent-logs").iterdir())) == 3


def test_too_small_a_size_is_refused(tmp_path: Path) -> None:
    """A size that cannot hold the sessions that are always told is a mistake of the caller."""
    with pytest.raises(ValueError, match="must be at least"):
        write_demo(tmp_path, size_bytes=LEAST_SIZE - 1)


def test_logs_can_end_at_any_time(tmp_path: Path) -> None:
    """With another end the same sessions are told, and none lies beyond it."""
    until = datetime(2027, 3, 3, 0, 30, tzinfo=UTC)
    truth = write_demo(tmp_path, until=until)
    ends = [session.end_time for session in truth.sessions or () if session.end_time]
    assert until - timedelta(minutes=5) < max(ends) < until
    assert truth.until == until


def test_truth_can_be_written_and_read_again(demo: tuple[Path, Truth]) -> None:
    """The truth survives JSON, so that another program may check against it."""
    _, truth = demo
    assert msgspec.json.decode(msgspec.json.encode(truth), type=Truth) == truth


def calls(tally: Tally, *keys: str) -> None:
    """Tell a tally one successful call for each key, a second apart."""
    for place, key in enumerate(keys):
        at_ms = place * 1_000
        tally.tool(
            key.rstrip("!"),
            "{}",
            "error" if key[-1] == "!" else "success",
            start_ms=at_ms,
            end_ms=at_ms + 10,
        )
    tally.end_loop()


@pytest.mark.parametrize(
    ("keys", "loops"),
    [
        ("AAA", [("A",)]),
        ("AAB", []),
        ("BAAAAB", [("A",)]),
        ("ABABAB", [("A", "B")]),
        ("ABABA", []),
        ("AABABABB", [("A", "B")]),
        ("AAABBB", [("A",), ("B",)]),
    ],
)
def test_tally_sees_loops(keys: str, loops: list[tuple[str, ...]]) -> None:
    """Three equal calls or three periods of two are a loop, anything less is not."""
    tally = Tally()
    calls(tally, *keys)
    assert [loop.tools for loop in tally.loops] == loops


@pytest.mark.parametrize(
    ("keys", "retries"),
    [("A! A", 1), ("A! B C A", 1), ("A! B C D A", 0), ("A A", 0), ("A! A! A!", 2)],
)
def test_tally_sees_retries(keys: str, retries: int) -> None:
    """A failed call is retried when an equal one follows within three calls."""
    tally = Tally()
    calls(tally, *keys.split())
    assert tally.tool_retries == retries
