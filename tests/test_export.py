"""`tachlog export`: the archive as files, brought up to date, the same from every archive."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import sys
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars
import pyarrow.parquet
import pytest

from archives import assistant, at, jsonl, read_in, tool_result, tool_use, user
from conftest import Archives
from screens import Desk
from tachlog.analysis.exporting import NO_DAY
from tachlog.analysis.selection import Selection
from tachlog.export import ExportError, Wish, export
from tachlog.export.columns import SCHEMA, TABLES
from tachlog.stores import Store, exporting, open_store

NEXT = "2026-11-19T08:00:00Z"
OVERLOADED = 'API Error: 529 {"type":"error","error":{"type":"overloaded_error"}}'
FIRST_DAY, SECOND_DAY = "day=2026-11-18", "day=2026-11-19"


def wish(kind: str = "parquet", *, hints: bool = False, **asked: str) -> Wish:
    """What is asked for; `agent` selects."""
    return Wish(kind, hints, Selection(agent=asked.get("agent")), asked)


def session(path: Path, name: str = "s1") -> Path:
    """Write a transcript: two calls and a failed command on one day, a call on the next."""
    return jsonl(
        path / f"{name}.jsonl",
        [
            user(name, f"{name}-u1", at(0), "please run the tests"),
            assistant(
                name,
                f"{name}-a1",
                at(0, 5),
                f"{name}-m1",
                content=[tool_use(f"{name}-t1", "Bash", command="deploy --to prod")],
                stop="tool_use",
            ),
            tool_result(name, f"{name}-r1", at(0, 9), f"{name}-t1", "host is gone", error=True),
            assistant(name, f"{name}-a2", at(1), f"{name}-m2"),
            assistant(name, f"{name}-a3", NEXT, f"{name}-m3", output=70),
        ],
    )


@pytest.fixture
def store(archives: Archives, tmp_path: Path) -> Store:
    """Return an archive that has read the session."""
    found = archives.new()
    read_in(found, [session(tmp_path / "logs")])
    return found


def contents(directory: Path) -> dict[str, bytes]:
    """Every file of an export by its path, but for the manifest."""
    return {path: data for path, data in everything(directory).items() if path != "_tachlog.json"}


def everything(directory: Path) -> dict[str, bytes]:
    """Every file of an export by its path."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def rows_of(directory: Path, table: str) -> list[dict[str, Any]]:
    """The rows of a Parquet table with their days."""
    return polars.read_parquet(directory / table).to_dicts()


def test_each_table_has_a_file_for_each_day(store: Store, tmp_path: Path) -> None:
    """Operations lie under the UTC day of their time, a session under that of its start."""
    found = export(store, tmp_path / "out", wish())
    assert sorted(contents(tmp_path / "out")) == [
        f"calls/{FIRST_DAY}/calls.parquet",
        f"calls/{SECOND_DAY}/calls.parquet",
        "failures/day=__HIVE_DEFAULT_PARTITION__/failures.parquet",
        f"prompts/{FIRST_DAY}/prompts.parquet",
        f"sessions/{FIRST_DAY}/sessions.parquet",
        f"tool_calls/{FIRST_DAY}/tool_calls.parquet",
    ]
    assert [(each.table, each.days, each.rows) for each in found.tables] == [
        ("sessions", 1, 1),
        ("calls", 2, 3),
        ("tool_calls", 1, 1),
        ("failures", 0, 0),
        ("prompts", 1, 1),
    ]
    assert sorted(found.written) == sorted(contents(tmp_path / "out"))


def test_a_call_is_told_in_typed_columns(store: Store, tmp_path: Path) -> None:
    """Times are UTC timestamps, money exact dollars, and the day is that of the directory."""
    export(store, tmp_path / "out", wish())
    first = rows_of(tmp_path / "out", "calls")[0]
    assert first["time"] == datetime(2026, 11, 18, 9, 0, 5, tzinfo=UTC)
    assert (first["session_id"], first["agent"], first["project"]) == ("s1", "claude_code", "shop")
    assert (first["input"], first["cache_read"], first["cache_write"]) == (10, 1000, 100)
    assert first["total_tokens"] == 1110 + first["output"]
    assert first["cost_usd"] == Decimal("0.002425000")  # 10, 1000, 100, 50 at 5, 0.5, 6.25, 25
    assert first["cost_reported"] is False
    assert (first["stop_reason"], first["branch"]) == ("tool_use", "main")
    assert str(first["day"]) == "2026-11-18"


def test_a_tool_call_is_told_without_content(store: Store, tmp_path: Path) -> None:
    """A tool call has its outcome, class, duration and sizes, and no text of the log."""
    export(store, tmp_path / "out", wish())
    (row,) = rows_of(tmp_path / "out", "tool_calls")
    assert (row["tool"], row["category"], row["outcome"]) == ("Bash", "shell", "error")
    assert (row["execution_ms"], row["output_bytes"]) == (4000.0, len('"host is gone"'))
    assert not {"target", "excerpt"} & row.keys()
    assert "title" not in rows_of(tmp_path / "out", "sessions")[0]


def test_hints_are_written_when_asked_for(store: Store, tmp_path: Path) -> None:
    """With hints there are titles, targets and excerpts as well."""
    export(store, tmp_path / "out", wish(hints=True))
    (row,) = rows_of(tmp_path / "out", "tool_calls")
    assert (row["target"], row["excerpt"]) == ("deploy", "host is gone")
    assert rows_of(tmp_path / "out", "sessions")[0]["title"] == "please run the tests"


def test_sessions_are_told_as_everywhere(store: Store, tmp_path: Path) -> None:
    """A session has the columns of its view, money exact, nothing of its tree."""
    export(store, tmp_path / "out", wish())
    (row,) = rows_of(tmp_path / "out", "sessions")
    (told,) = store.sessions(Selection())
    assert row["cost_usd"].scaleb(9) == sum(use.cost_nanousd or 0 for use in told.models.values())
    assert row["total_tokens"] == told.total_tokens
    assert row["start_time"] == datetime(2026, 11, 18, 9, tzinfo=UTC)
    assert row["outcome_reasons"] == told.outcome_reasons
    assert not [name for name in row if name.startswith("tree_")]


def test_every_parquet_file_names_its_schema(store: Store, tmp_path: Path) -> None:
    """The metadata has table and version, and columns stand in the order of the reference."""
    export(store, tmp_path / "out", wish(hints=True))
    for name, table in TABLES.items():
        for path in (tmp_path / "out" / name).rglob("*.parquet"):
            schema = pyarrow.parquet.ParquetFile(path).schema_arrow
            assert schema.metadata[b"tachlog.table"] == name.encode()
            assert schema.metadata[b"tachlog.schema"] == str(SCHEMA).encode()
            assert schema.names == [column.name for column in table.columns]


def test_csv_and_json_say_the_same(store: Store, tmp_path: Path) -> None:
    """Both hold the rows of the Parquet files, in words that every program reads."""
    for kind in ("parquet", "csv", "json"):
        export(store, tmp_path / kind, wish(kind))
    for table in ("sessions", "calls", "tool_calls", "prompts"):
        wanted = [
            {name: _plain(value) for name, value in row.items() if name != "day"}
            for row in rows_of(tmp_path / "parquet", table)
        ]
        lines = [
            json.loads(line, parse_float=str)
            for path in sorted((tmp_path / "json" / table).rglob("*.jsonl"))
            for line in path.read_text("utf-8").splitlines()
        ]
        assert [{k: _plain(v) for k, v in row.items()} for row in lines] == wanted
        cells: list[dict[str, str]] = []
        for path in sorted((tmp_path / "csv" / table).rglob("*.csv")):
            with path.open(encoding="utf-8", newline="") as file:
                cells += csv.DictReader(file)
        assert cells == wanted


def _plain(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            digits = "microseconds" if value.microsecond % 1000 else "milliseconds"
            return value.isoformat(timespec=digits).replace("+00:00", "Z")
        case list():
            return json.dumps(value, separators=(",", ":"))
        case Decimal():
            return f"{value:f}"
        case _:
            return str(value)


def test_nothing_is_written_when_nothing_changed(store: Store, tmp_path: Path) -> None:
    """A second export leaves every file as it is."""
    export(store, tmp_path / "out", wish())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.parquet")}
    found = export(store, tmp_path / "out", wish())
    assert (found.written, found.removed) == ([], [])
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*.parquet")} == before


def test_only_days_that_changed_are_written(store: Store, tmp_path: Path) -> None:
    """What a log adds is written to its days, and the result equals a full export."""
    export(store, tmp_path / "out", wish())
    log = tmp_path / "logs" / "s1.jsonl"
    with log.open("a") as file:
        more = assistant("s1", "s1-a4", "2026-11-19T08:05:00Z", "s1-m4")
        file.write(json.dumps(more) + "\n")
    read_in(store, [log])
    found = export(store, tmp_path / "out", wish())
    assert sorted(found.written) == [
        f"calls/{SECOND_DAY}/calls.parquet",
        f"sessions/{FIRST_DAY}/sessions.parquet",
    ]
    export(store, tmp_path / "full", wish())
    assert everything(tmp_path / "out") == everything(tmp_path / "full")


def test_rows_that_move_leave_their_day(store: Store, tmp_path: Path) -> None:
    """A day that has no rows any more loses its file and its directory."""
    export(store, tmp_path / "out", wish())
    log = tmp_path / "logs" / "s1.jsonl"
    with log.open("a") as file:
        late = "2026-11-20T08:00:00Z"  # the third reply went on: it counts when it ended
        file.write(json.dumps(assistant("s1", "s1-a5", late, "s1-m3", output=90)) + "\n")
    read_in(store, [log])
    found = export(store, tmp_path / "out", wish())
    assert found.removed == [f"calls/{SECOND_DAY}/calls.parquet"]
    assert not (tmp_path / "out" / "calls" / SECOND_DAY).exists()
    assert (tmp_path / "out" / "calls" / "day=2026-11-20" / "calls.parquet").exists()
    export(store, tmp_path / "full", wish())
    assert everything(tmp_path / "out") == everything(tmp_path / "full")


def test_a_table_without_rows_has_its_columns(store: Store, tmp_path: Path) -> None:
    """Its one file has no rows, and goes when there are some."""
    out = tmp_path / "out"
    export(store, out, wish())
    empty = polars.read_parquet(out / "failures", hive_partitioning=False)
    assert empty.height == 0
    assert empty.columns == [each.name for each in TABLES["failures"].chosen(hints=False)]
    log = tmp_path / "logs" / "s1.jsonl"
    with log.open("a") as file:
        told = assistant("s1", "s1-e1", "2026-11-19T08:09:00Z", None, isApiErrorMessage=True)
        told["message"] |= {
            "model": "<synthetic>",
            "content": [{"type": "text", "text": OVERLOADED}],
        }
        file.write(json.dumps(told) + "\n")
    read_in(store, [log])
    found = export(store, out, wish())
    assert found.removed == ["failures/day=__HIVE_DEFAULT_PARTITION__/failures.parquet"]
    assert [row["error_class"] for row in rows_of(out, "failures")] == ["overloaded"]


def test_what_others_put_there_stays(store: Store, tmp_path: Path) -> None:
    """Other files in the directory, and in the directory of a day that goes, are left alone."""
    out = tmp_path / "out"
    export(store, out, wish())
    (out / "notes.txt").write_text("mine")
    (out / "calls" / SECOND_DAY / "mine.txt").write_text("mine")
    log = tmp_path / "logs" / "s1.jsonl"
    with log.open("a") as file:
        late = "2026-11-20T08:00:00Z"
        file.write(json.dumps(assistant("s1", "s1-a5", late, "s1-m3", output=90)) + "\n")
    read_in(store, [log])
    export(store, out, wish())
    assert (out / "notes.txt").read_text() == "mine"
    assert [path.name for path in (out / "calls" / SECOND_DAY).iterdir()] == ["mine.txt"]


def test_a_file_of_someone_else_is_not_replaced(store: Store, tmp_path: Path) -> None:
    """Where a foreign file stands in the place of a day, nothing at all is written."""
    place = tmp_path / "out" / "calls" / SECOND_DAY / "calls.parquet"
    place.parent.mkdir(parents=True)
    place.write_text("not yours")
    with pytest.raises(ExportError, match=r"calls\.parquet: is there already and was not written"):
        export(store, tmp_path / "out", wish())
    assert contents(tmp_path / "out") == {f"calls/{SECOND_DAY}/calls.parquet": b"not yours"}


@pytest.mark.parametrize("harm", ["removed", "shortened", "torn"])
def test_what_was_damaged_is_written_again(store: Store, tmp_path: Path, harm: str) -> None:
    """A file that is gone or has another size is made whole, over what a killed export left."""
    out = tmp_path / "out"
    export(store, out, wish())
    whole = contents(out)
    place = out / "calls" / FIRST_DAY / "calls.parquet"
    if harm == "removed":
        place.unlink()
    else:
        place.write_bytes(b"PAR1")
    if harm == "torn":
        (place.parent / ".calls.parquet.new").write_bytes(b"PAR1")
    assert export(store, out, wish()).written == [f"calls/{FIRST_DAY}/calls.parquet"]
    assert contents(out) == whole


def test_an_export_that_was_killed_is_completed(store: Store, tmp_path: Path) -> None:
    """Files that a killed export had put in place are known to be ours, and the rest follows."""
    out = tmp_path / "out"
    export(store, out, wish())
    whole, noted = contents(out), (out / "_tachlog.json").read_text()
    manifest = json.loads(noted)
    for file in manifest["files"].values():  # as it is noted before anything is written
        file |= {"rows": 0, "bytes": 0, "day": None}
    (out / "_tachlog.json").write_text(json.dumps(manifest))
    last = out / "prompts" / FIRST_DAY / "prompts.parquet"
    last.unlink()
    assert export(store, out, wish()).written == [f"prompts/{FIRST_DAY}/prompts.parquet"]
    assert contents(out) == whole
    assert (out / "_tachlog.json").read_text() == noted


def test_another_question_needs_another_directory(
    store: Store, archives: Archives, tmp_path: Path
) -> None:
    """A directory keeps to one archive, one format, one selection, with or without hints."""
    out = tmp_path / "out"
    export(store, out, wish())
    before = contents(out)
    for other in (wish("csv"), wish(hints=True), wish(agent="codex")):
        with pytest.raises(ExportError, match="holds an export with --format parquet; name"):
            export(store, out, other)
    with pytest.raises(ExportError, match="holds another archive; name another directory"):
        export(archives.new(), out, wish())
    assert contents(out) == before


def test_new_columns_reach_every_day(store: Store, tmp_path: Path) -> None:
    """What an export with other columns wrote is written again, whatever the archive did."""
    out = tmp_path / "out"
    export(store, out, wish())
    manifest = json.loads((out / "_tachlog.json").read_text())
    whole = contents(out)
    manifest["columns"]["calls"].pop()
    (out / "_tachlog.json").write_text(json.dumps(manifest))
    place = out / "calls" / FIRST_DAY / "calls.parquet"
    place.write_bytes(place.read_bytes()[::-1])  # of the size that is known
    assert export(store, out, wish()).written == [f"calls/{FIRST_DAY}/calls.parquet"]
    assert contents(out) == whole


def test_a_manifest_that_cannot_be_read_is_refused(store: Store, tmp_path: Path) -> None:
    """Without knowing what is ours nothing is written."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "_tachlog.json").write_text("{")
    with pytest.raises(ExportError, match=r"_tachlog\.json: cannot be understood"):
        export(store, tmp_path / "out", wish())


def test_two_exports_do_not_write_at_once(store: Store, tmp_path: Path) -> None:
    """While one export holds a directory another is refused."""
    (tmp_path / "out").mkdir()
    handle = os.open(tmp_path / "out", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        with pytest.raises(ExportError, match="another export is writing there"):
            export(store, tmp_path / "out", wish())
    finally:
        os.close(handle)


def test_pages_do_not_show(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows are held at once, the files have the same rows in the same order."""
    read_in(store, [session(tmp_path / "logs", "s2"), session(tmp_path / "logs", "s3")])
    export(store, tmp_path / "whole", wish("json"))
    monkeypatch.setattr(exporting, "PAGE_ROWS", 1)
    monkeypatch.setattr(exporting, "PAGE_SESSIONS", 1)
    monkeypatch.setattr("tachlog.export.BATCH_ROWS", 2)
    export(store, tmp_path / "pages", wish("json"))
    assert contents(tmp_path / "whole") == contents(tmp_path / "pages")
    export(store, tmp_path / "parquet", wish())
    assert len(rows_of(tmp_path / "parquet", "calls")) == 9


def test_what_no_log_dates_is_in_a_part_of_its_own(archives: Archives, tmp_path: Path) -> None:
    """Rows without a time are in the partition that readers take for null."""
    store = archives.new()
    case = Path(__file__).parent / "corpus" / "tau_bench" / "history"
    read_in(store, [path for path in case.iterdir() if path.name != "expected.json"])
    export(store, tmp_path / "out", wish())
    assert [day.day for day in _days(store, "prompts")] == [NO_DAY]
    for table in ("sessions", "calls", "prompts"):
        rows = rows_of(tmp_path / "out", table)
        assert rows
        assert {row["day"] for row in rows} == {None}


def _days(store: Store, table: str) -> list[Any]:
    with store.export(Selection()) as archive:
        return archive.days(table)


def test_sqlite_and_postgresql_export_the_same(tmp_path: Path, postgresql_url: str) -> None:
    """Files of both are equal to the byte."""
    logs = [session(tmp_path / "logs", name) for name in ("s2", "s1")]
    for name, url in (("here", str(tmp_path / "one.db")), ("there", postgresql_url)):
        with closing(open_store(url)) as store:
            read_in(store, logs)
            export(store, tmp_path / name, wish(hints=True))
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


def test_a_missing_extra_is_named(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pyarrow the message says what to install, CSV needs nothing, and nothing is made."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportError, match=r"pip install 'tachlog\[parquet\]', or use --format"):
        export(store, tmp_path / "out", wish())
    assert not (tmp_path / "out").exists()
    assert export(store, tmp_path / "out", wish("csv")).written


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    """The table counts days, rows and files; a second run says that nothing changed."""
    (tmp_path / "home").mkdir()
    desk = Desk(tmp_path / "home")
    session(tmp_path / "home" / ".claude" / "projects" / "shop")
    assert desk.run("analyze").code == 0
    ran = desk.run("export", str(tmp_path / "out"))
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("EXPORT · parquet · facts only · days in UTC · ")
    (calls,) = [line.split() for line in lines if line.startswith("calls")]
    assert calls[1:3] == ["2", "3"]
    assert calls[-2:] == ["2", "files"]
    again = desk.run("export", str(tmp_path / "out"))
    assert again.out.splitlines()[-1] == "nothing changed since the last export"
    told = json.loads(desk.run("export", str(tmp_path / "out"), "--json").out)
    assert (told["schema"], told["format"], told["hints"]) == (SCHEMA, "parquet", False)
    assert [table["table"] for table in told["tables"]] == list(TABLES)
    refused = desk.run("export", str(tmp_path / "out"), "--format", "csv")
    assert refused.code == 1
    assert "holds an export with --format parquet" in refused.err
