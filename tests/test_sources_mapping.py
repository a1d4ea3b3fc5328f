"""Mappings: what a user may write, which files they fit, and what they change."""

from pathlib import Path

import msgspec
import pytest

import golden
from tachlog.mappings import Fields, Mapping
from tachlog.model import Chunk, Failure, Prompt, Reading, Reply, ToolResult
from tachlog.sources import all_sources, mapping

SOURCE = all_sources()["mapping"]
FIELDS = Fields(session="s", time="t")


def read(raw: bytes, **options: object) -> Reading:
    """What one record tells by a mapping with these options; the mappings of cases return."""
    fields = msgspec.convert({"session": "s", "time": "t", **_fields(options)}, Fields)
    mapping.configure((Mapping(name="mine", match="*.jsonl", fields=fields, **options),))  # type: ignore[arg-type]
    try:
        return SOURCE.read(Chunk("/logs/a.jsonl", 0, raw, True), SOURCE.state())
    finally:
        golden.configure()


def _fields(options: dict[str, object]) -> dict[str, object]:
    names = {field.name for field in msgspec.structs.fields(Fields)}
    return {name: options.pop(name) for name in list(options) if name in names}


@pytest.mark.parametrize(
    ("match", "format", "path", "fits"),
    [
        ("*.jsonl", "jsonl", "/logs/a.jsonl", True),
        ("a.jsonl", "jsonl", "/logs/a.jsonl", True),
        ("*.jsonl", "jsonl", "/logs/a.json", False),
        ("/logs/*/a.jsonl", "jsonl", "/logs/x/y/a.jsonl", True),
        ("/other/*", "jsonl", "/logs/a.jsonl", False),
        ("~/bot/*.csv", "csv", "{home}/bot/a.csv", True),
        ("postgresql://*?table=runs", "table", "postgresql://db/x?table=runs", True),
        ("*", "jsonl", "sqlite://x?table=runs", False),
        ("*", "table", "/logs/a.jsonl", False),
    ],
)
def test_match_is_a_pattern_of_paths(
    match: str, format: str, path: str, fits: bool, home: Path
) -> None:
    """A mapping fits whole paths; `~` is home, and only tables have URLs."""
    described = Mapping(name="x", match=match, format=format, fields=FIELDS)  # type: ignore[arg-type]
    assert described.fits(path.format(home=home)) is fits


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ('name = "Bad Name"\nmatch = "*"\n[fields]\nsession = "s"\ntime = "t"', "name"),
        ('name = "x"\nmatch = "*"\n[fields]\nsession = "s"', "time"),
        ('name = "x"\nmatch = "*"\n[fields]\nsession = "s"\ntime = "t"\nmodle = "m"', "modle"),
        ('name = "x"\nmatch = "*"\nunit = 1\n[fields]\nsession = "s"\ntime = "t"', "unit"),
        (
            'name = "x"\nmatch = "*"\ntime_zone = "Mars"\n[fields]\nsession = "s"\ntime = "t"',
            "Europe/Vienna",
        ),
    ],
)
def test_what_is_wrong_in_a_mapping_is_said(written: str, complaint: str) -> None:
    """A name, field, option or zone that does not exist is refused by name."""
    with pytest.raises(msgspec.ValidationError, match=complaint):
        msgspec.toml.decode(written, type=Mapping)


@pytest.mark.parametrize(
    ("time", "options", "at_us"),
    [
        ('"2026-03-02T10:00:00"', {"time_zone": "Europe/Vienna"}, 1772442000000000),
        ('"2026-03-02T10:00:00+01:00"', {"time_zone": "Asia/Tokyo"}, 1772442000000000),
        ("1772442000", {}, 1772442000000000),
        ("1772442000.5", {}, 1772442000500000),
        ('"1772442000123456789"', {}, 1772442000123456),
        ("1772442000", {"time_unit": "s"}, 1772442000000000),
        ("1772442000000", {"time_unit": "ms"}, 1772442000000000),
        ("1772442000000000000", {"time_unit": "ns"}, 1772442000000000),
        ('"02/03/26 10h"', {"time_format": "%d/%m/%y %Hh"}, 1772445600000000),
    ],
)
def test_times_by_zone_unit_and_format(time: str, options: dict[str, object], at_us: int) -> None:
    """Times without a zone are in the mapping's; numbers are in its unit, or told by their size."""
    reading = read(b'{"s": 1, "t": %s}' % time.encode(), **options)
    assert [event.at_us for event in reading.events] == [at_us]


@pytest.mark.parametrize(
    "time", ["null", '"soon"', "true", "[1]", "1e300", "-5", '"99999-01-01"', "1" + "0" * 400]
)
def test_a_record_without_a_time_is_a_problem(time: str) -> None:
    """What is no time leaves a record out, and says so."""
    for options in ({}, {"time_unit": "s"}, {"time_format": "%Y"}):
        reading = read(b'{"s": 1, "t": %s}' % time.encode(), **options)
        assert [problem.kind for problem in reading.problems] == ["no_time"]


def test_cost_in_its_unit() -> None:
    """A reported cost becomes nano-dollars; what is no amount is no cost."""
    for raw, unit, cost in (
        ("0.5", "usd", 500_000_000),
        ("0.5", "cents", 5_000_000),
        ("500", "nanousd", 500),
        ('"0.5"', "usd", 500_000_000),
        ("-1", "usd", None),
        ('"free"', "usd", None),
        ("true", "usd", None),
    ):
        line = b'{"s": 1, "t": 1772442000, "in": 5, "c": %s}' % raw.encode()
        reading = read(line, input_tokens="in", cost="c", cost_unit=unit)
        (reply,) = reading.events
        assert isinstance(reply, Reply)
        assert reply.cost_nanousd == cost


def test_the_cache_inside_or_beside_the_input() -> None:
    """Cached tokens are taken out of the input only where the mapping says that they are in it."""
    line = b'{"s": 1, "t": 1772442000, "in": 500, "hit": 300, "out": 7}'
    names = {"input_tokens": "in", "cache_read_tokens": "hit", "output_tokens": "out"}
    for inside, fresh in ((True, 200), (False, 500)):
        (reply,) = read(line, input_includes_cache=inside, **names).events
        assert isinstance(reply, Reply)
        assert reply.usage is not None
        assert (reply.usage.input, reply.usage.cache_read) == (fresh, 300)


def test_errors_by_flag_text_or_object() -> None:
    """A failed call is one whose error field says so; without such a field its type does."""
    for raw, failed in (
        ('"boom"', True),
        ('"ok"', False),
        ("false", False),
        ('{"type": "x"}', True),
    ):
        reading = read(
            b'{"s": 1, "t": 1772442000, "e": %s, "in": 1}' % raw.encode(),
            error="e",
            input_tokens="in",
        )
        assert any(isinstance(event, Failure) for event in reading.events) is failed
    (failure,) = read(b'{"s": 1, "t": 1772442000, "k": "RateLimitError"}', error_type="k").events
    assert isinstance(failure, Failure)
    assert failure.error_class == "rate_limit"


def test_a_tool_that_failed() -> None:
    """A tool call has the mapping's units and its own verdict."""
    line = b'{"s": 1, "t": 1772442000, "n": "pay", "d": 0.25, "f": 1, "o": "declined"}'
    names = {"tool": "n", "tool_duration": "d", "tool_error": "f", "tool_output": "o"}
    events = read(line, duration_unit="s", **names).events
    (result,) = (event for event in events if isinstance(event, ToolResult))
    assert (result.outcome, result.duration_ms, result.excerpt) == ("error", 250, "declined")


def test_sessions_of_two_mappings_stay_apart() -> None:
    """The agent is the mapping's name; records of equal ids in two mappings are different ones."""
    line = b'{"s": 1, "t": 1772442000, "i": 7, "x": "hello"}'
    fields = Fields(session="s", time="t", id="i", text="x")
    events = []
    for name in ("one", "two"):
        mapping.configure((Mapping(name=name, match="*", fields=fields),))
        events += SOURCE.read(Chunk("/logs/a.jsonl", 0, line, True), SOURCE.state()).events
    golden.configure()
    prompts = [event for event in events if isinstance(event, Prompt)]
    assert [(p.thread.agent, p.thread.session_id) for p in prompts] == [("one", "1"), ("two", "1")]
    assert prompts[0].key != prompts[1].key


def test_a_file_that_no_mapping_fits_any_more() -> None:
    """Without its mapping a file's records are problems that say so."""
    reading = SOURCE.read(Chunk("/logs/gone.jsonl", 0, b'{"s": 1}\n', True), SOURCE.state())
    assert [problem.kind for problem in reading.problems] == ["no_mapping"]
