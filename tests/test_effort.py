"""The work that a run does: calls of Python functions, counted, since time is too noisy to test."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from archives import assistant, user
from tachlog.config import Config
from tachlog.pipeline import bring_up_to_date, read_into, setup_of, task_for
from tachlog.stores import PRIVATE, Store, open_store

MOST_CALLS_PER_RECORD = 55
"""About 48 with Python 3.11, fewer with newer ones."""

SETUP = setup_of(Config())

MOST_CALLS_PER_FILE = 5
MOST_MORE_CALLS = 20


def calls_of(work: Callable[[], Any]) -> int:
    """How many Python functions are called while something is done, generators resumed included."""
    counted = 0

    def count(_frame: FrameType, event: str, _told: object) -> None:
        nonlocal counted
        counted += event == "call"

    before = sys.getprofile()  # that of coverage, where it is measured so
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return counted


def write_session(directory: Path, session: str, rounds: range) -> None:
    """Append rounds of a prompt and its reply to the log of a session."""
    with (directory / f"{session}.jsonl").open("a") as log:
        for number in rounds:
            at = f"2026-11-18T{9 + number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z"
            for record in (
                user(session, f"{session}-u{number}", at, "Go on"),
                assistant(session, f"{session}-a{number}", at, f"{session}-m{number}"),
            ):
                log.write(json.dumps(record) + "\n")


@pytest.fixture
def store() -> Any:
    """An archive that vanishes."""
    opened = open_store(PRIVATE)
    yield opened
    opened.close()


def follow(store: Store, log: Path) -> int:
    """Read what is new of one file, as following it does; gives the calls that this took."""
    path = str(log)

    def work() -> None:
        task = task_for(path, store.progress([path]).get(path))
        assert task is not None
        for kept in read_into(store, [task], SETUP, jobs=1):
            assert kept.portions

    return calls_of(work)


def read(store: Store, directory: Path) -> int:
    """Bring an archive up to date; gives the calls that this took."""
    return calls_of(lambda: bring_up_to_date(store, [str(directory)], Config(), jobs=1))


def test_a_record_costs_few_calls(store: Store, tmp_path: Path) -> None:
    """Reading, merging, measuring and keeping 2,000 records take few calls for each."""
    write_session(tmp_path, "warmup", range(2))
    read(store, tmp_path)
    write_session(tmp_path, "long", range(1000))
    assert read(store, tmp_path) / 2000 < MOST_CALLS_PER_RECORD


def test_a_file_with_nothing_new_costs_few_calls(store: Store, tmp_path: Path) -> None:
    """Where nothing changed each file is looked at, and nothing else is done."""
    for number in range(200):
        write_session(tmp_path, f"s{number}", range(1))
    read(store, tmp_path)
    few = read(store, tmp_path)
    for number in range(200, 400):
        write_session(tmp_path, f"s{number}", range(1))
    read(store, tmp_path)
    assert (read(store, tmp_path) - few) / 200 < MOST_CALLS_PER_FILE


def test_what_is_appended_costs_alike_among_any_number_of_sessions(
    store: Store, tmp_path: Path
) -> None:
    """A round more of one session takes the same work in an empty archive and a full one."""

    def appended(session: str) -> int:
        log = tmp_path / f"{session}.jsonl"
        write_session(tmp_path, session, range(1))
        follow(store, log)
        write_session(tmp_path, session, range(1, 2))
        return follow(store, log)

    small = appended("early")
    for number in range(200):
        write_session(tmp_path, f"s{number}", range(1))
    bring_up_to_date(store, [str(tmp_path)], Config(), jobs=1)
    assert appended("later") < small + MOST_MORE_CALLS


def test_what_is_appended_costs_alike_in_a_short_session_and_a_long_one(
    store: Store, tmp_path: Path
) -> None:
    """A round more takes no more work after 1,500 rounds, in two quarter hours, than after 40."""
    log = tmp_path / "long.jsonl"

    def appended(before: range) -> int:
        write_session(tmp_path, "long", before)
        follow(store, log)
        for number in (before.stop, before.stop + 1):
            write_session(tmp_path, "long", range(number, number + 1))
            calls = follow(store, log)
        return calls

    short = appended(range(40))
    assert appended(range(42, 1500)) < short + MOST_MORE_CALLS
