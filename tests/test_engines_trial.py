"""Trying a file: what its records tell, and which of their values stay unused."""

from pathlib import Path

import golden
from tachlog.engines.trial import lines_of, try_file

CASES = golden.CORPUS


def test_each_record_says_what_it_tells() -> None:
    """The first records are shown with their events; the counts are of the whole file."""
    trial = try_file(str(CASES / "mapping/support_bot/input.jsonl"), 3)
    assert (trial.source, trial.frame, len(trial.records)) == ("mapping", "lines", 3)
    assert trial.records[1].tells == (
        "Reply model=claude-haiku-4-5 provider=anthropic input=200 cache_read=1000 output=40 "
        "reasoning=8 stop_reason=tool_use response_ms=2500 cost_nanousd=420000",
    )
    assert (trial.parsed, trial.skipped, trial.unknown) == (9, {}, {})
    assert trial.problems == {"no_time": 1, "no_session": 1, "damaged_line": 1}
    assert trial.sessions == ("r-1", "r-2")


def test_values_without_which_a_record_tells_the_same_are_unused() -> None:
    """An extra field is unused, an id is not: it names what is told."""
    trial = try_file(str(CASES / "mapping/support_bot/input.jsonl"))
    assert trial.records[1].unused == ("who", "llm.vendor", "extra.shard")
    assert trial.unused["extra.shard"] == 1
    assert "event_id" not in trial.unused


def test_rows_are_counted_by_row() -> None:
    """The place of a CSV record is its row, as in problems."""
    trial = try_file(str(CASES / "mapping/gateway_csv/input.csv"))
    assert [record.place for record in trial.records] == [0, 1, 2, 3]
    assert trial.records[3].verdict.startswith("problem: no_time: ")
    assert trial.unused["Region"] == 3


def test_skipped_and_unknown_records_are_named() -> None:
    """What is skipped says as what; a kind that nobody described is shown as unknown."""
    trial = try_file(str(CASES / "openinference/nested_maps/input.jsonl"))
    verdicts = [record.verdict for record in trial.records]
    assert "skipped: span/wrapper" in verdicts
    assert "parsed, unknown: event_type/cache_hit" in verdicts
    assert trial.skipped["span/wrapper"] == 2


def test_documents_and_many_values_on_a_line(tmp_path: Path) -> None:
    """A document is one record; a line with two values gives both, a blank one none."""
    assert try_file(str(CASES / "otlp/document/input.json")).frame == "document"
    path = tmp_path / "two.jsonl"
    row = '{"session_id": 1, "log_timestamp": "2026-03-02T09:00:00Z", "response_time": 5}'
    path.write_text(f"{row} {row}\n\n[1]\n{row}\n")
    trial = try_file(str(path))
    assert [record.verdict.partition(":")[0] for record in trial.records] == [
        "parsed",
        "parsed",
        "problem",
        "parsed",
    ]
    assert [record.unused is None for record in trial.records] == [True, True, True, False]


def test_a_record_of_very_many_values_is_not_tried_value_by_value(tmp_path: Path) -> None:
    """A record with more values than a person would read is told, and not taken apart."""
    path = tmp_path / "wide.jsonl"
    extra = ", ".join(f'"f{number}": 1' for number in range(500))
    path.write_text(
        '{"session_id": 1, "log_timestamp": "2026-03-02T09:00:00Z", "response_time": 5, '
        f"{extra}}}\n"
    )
    (record,) = try_file(str(path)).records
    assert (record.verdict, record.unused) == ("parsed", None)


def test_why_a_file_is_not_read(tmp_path: Path) -> None:
    """A file that is missing, binary, damaged or of no format says why."""
    binary = tmp_path / "a.jsonl"
    binary.write_bytes(b"\x00\x01\x02\x03" * 50)
    prose = tmp_path / "b.jsonl"
    prose.write_text("Dear diary\n")
    assert "is not there" in str(try_file(str(tmp_path / "none")).note)
    assert try_file(str(binary)).note == "binary, no log"
    assert try_file(str(prose)).note == "no known log format"
    cut = tmp_path / "c.jsonl.gz"
    whole = (CASES / "otlp/compressed/input.jsonl.gz").read_bytes()
    cut.write_bytes(whole[:-20])
    assert "ends in the middle" in str(try_file(str(cut)).note)


def test_a_trial_as_text(tmp_path: Path) -> None:
    """The lines say the format, each record with its events and unused values, then the counts."""
    text = list(lines_of(try_file(str(CASES / "mapping/gateway_csv/input.csv"))))
    assert text[0].endswith("input.csv: Your own format (mapping) (mapping, read as lines)")
    assert text[1:4] == [
        "  0: parsed",
        "      Reply model=gpt-5.5 provider=openai input=120 cache_read=400 output=30 "
        "stop_reason=reported response_ms=1500 cost_nanousd=2500000",
        "      unused: Region",
    ]
    assert text[-3:] == [
        "3 parsed, 0 skipped, 1 problems",
        "  problems: no_time 1",
        "  unused: Region 3, Error 1",
    ]
    nothing = list(lines_of(try_file(str(tmp_path))))
    assert len(nothing) == 1
    cut = tmp_path / "c.jsonl.gz"
    cut.write_bytes((CASES / "otlp/compressed/input.jsonl.gz").read_bytes()[:-20])
    assert "ends in the middle" in list(lines_of(try_file(str(cut))))[-1]


def test_a_database_is_tried_row_by_row() -> None:
    """The rows of a database are its records, each with what it tells."""
    trial = try_file(str(CASES / "opencode/recorded_1.18.33/opencode.db"), 2)
    assert (trial.source, trial.frame, trial.note) == ("opencode", "sqlite", None)
    assert trial.records[0].tells[0].startswith("Mark name=cwd value=")
    assert trial.parsed > len(trial.records) == 2
    assert trial.problems == {}
