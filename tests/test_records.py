"""Records are decoded alike whether a chunk is clean or damaged."""

import json
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tachlog.model import Chunk, Problem
from tachlog.records import decode, leading_type, lenient, utc_micros


class Thing(msgspec.Struct):
    """A record."""

    n: int
    text: str = ""


DECODER = msgspec.json.Decoder(Thing)
things = st.lists(st.builds(Thing, st.integers(-9, 9), st.text(max_size=5)))


def decoded(data: bytes, **options: object) -> tuple[list[Thing], list[Problem]]:
    """The records and problems of a chunk that begins at 100."""
    return decode(Chunk("f", 100, data, True), DECODER, "source", **options)  # type: ignore[arg-type]


@given(records=things, damage=st.integers(0, 9))
def test_damage_costs_only_what_is_damaged(records: list[Thing], damage: int) -> None:
    """The lines around a damaged one give the records that they give without it."""
    lines = [msgspec.json.encode(record) + b"\n" for record in records]
    place = min(damage, len(lines))
    damaged = b"".join((*lines[:place], b'{"n": 1, "te\n', *lines[place:]))
    assert decoded(b"".join(lines)) == (records, [])
    found, problems = decoded(damaged)
    assert found == records
    assert [(p.kind, p.offset) for p in problems] == [
        ("damaged_line", 100 + sum(map(len, lines[:place])))
    ]


@pytest.mark.parametrize(
    ("line", "values", "kinds"),
    [
        (b'{"n":1}{"n":2}', [1, 2], []),
        (b'{"n":1}{"n":2}  {"n":', [1, 2], ["damaged_line"]),
        (b'{"n":1} [] {"n":2}', [1, 2], ["unexpected_shape"]),
        (b'\xef\xbb\xbf{"n":1}\r', [1], []),
        (b'\x00\x00{"n":1}', [1], []),
        (b"\x00\x00\x00", [], ["damaged_line"]),
        (b" \t\r", [], []),
        (b'{"n":1,"text":"\xff"}', [1], []),
        (b'{"n":1,"text":"\\ud83d"}', [1], []),
        (b'{"n":1,"n":2}', [2], []),
        (b'{"n":1,"m":NaN}', [], ["unexpected_shape"]),
        (b'{"n":"1"}', [], ["unexpected_shape"]),
        (b"[" * 100_000, [], ["damaged_line"]),
        (b'{"n":1' + b"0" * 5_000 + b"}", [], ["damaged_line"]),
    ],
)
def test_line(line: bytes, values: list[int], kinds: list[str]) -> None:
    """Each JSON value on a line is one record; what is none is one problem."""
    found, problems = decoded(b'{"n":0}\n' + line + b'\n{"n":9}\n')
    assert [thing.n for thing in found] == [0, *values, 9]
    assert [problem.kind for problem in problems] == kinds
    assert all(problem.offset == 108 for problem in problems)


def test_a_table_counts_rows() -> None:
    """With offsets that count rows, a problem names its row."""
    _, problems = decoded(b'{"n":0}\n{}\n{"n":9}\n[]\n', by_row=True)
    assert [problem.offset for problem in problems] == [101, 103]


def test_refused_records_are_problems() -> None:
    """A record that could be decoded may still be refused, with a reason and without secrets."""
    secret = "ghp_a8Kd92LmQx7RtYbV5nWc3ZpJfHs6UeGo1iTq"
    data = b"".join(json.dumps({"n": n, "text": secret}).encode() + b"\n" for n in (1, -1, 2))
    found, problems = decoded(data, refuse=lambda thing: "negative" if thing.n < 0 else None)
    assert [thing.n for thing in found] == [1, 2]
    assert [problem.kind for problem in problems] == ["negative"]
    assert secret not in problems[0].detail
    assert problems[0].detail.startswith('{"n": -1')


def test_lenient_gives_what_has_the_shape() -> None:
    """A raw field of another shape is as good as absent."""
    assert lenient(msgspec.Raw(b'{"n":1}'), Thing) == Thing(1)
    assert lenient(msgspec.Raw(b"[]"), Thing) is None
    assert lenient(msgspec.Raw(b"null"), Thing) is None


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b'{"type":"hook","n":1}', "hook"),
        (b'{"type":"' + b"x" * 60 + b'"}', ""),
        (b'{"n":1,"type":"hook"}', ""),
        (b'{"type":null}', ""),
        (b"null", ""),
    ],
)
def test_leading_type_is_what_an_object_begins_with(raw: bytes, kind: str) -> None:
    """A type that stands first and is short is told without decoding; any other is not."""
    assert leading_type(msgspec.Raw(raw)) == kind


@pytest.mark.parametrize(
    ("text", "at_us"),
    [
        ("1999-12-31T23:59:59", None),
        ("2000-01-01T00:00:00", 946_684_800_000_000),
        ("2026-11-18T09:00:00.000001Z", 1_794_992_400_000_001),
        ("2200-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
    ],
)
def test_impossible_times_are_none(text: str, at_us: int | None) -> None:
    """A zero time and a wild clock tell no time; what has no zone is UTC."""
    assert utc_micros(datetime.fromisoformat(text)) == at_us
