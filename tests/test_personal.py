"""A person's data is handed out whole, and erased so that no log brings it back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from archives import (
    MEASURER,
    alert_acknowledged_by,
    as_session,
    assistant,
    at,
    contents,
    jsonl,
    portion_of,
    tool_result,
    tool_use,
    user,
)
from conftest import Archives, Ran
from tachlog.cli.calling import Caller
from tachlog.cli.running import run
from tachlog.hooks.facts import Hooked
from tachlog.passwords import hash_of, new_token
from tachlog.privacy import file_name
from tachlog.stores import Store, open_store
from tachlog.stores.archive import SqlArchive

NOW_US = 1_763_800_000_000_000
PASSWORD = "a long enough password"
AGENT = "claude_code"
MINE: dict[str, Any] = {"cwd": "/home/annegret/secret-plans", "gitBranch": "annegret/secret"}


@pytest.fixture
def logs(tmp_path: Path) -> dict[str, Path]:
    """Give logs of two people: a session of each, and a fork that bo made of annegret's."""
    begun = [user("ann-1", "a1", at(0), "look"), assistant("ann-1", "a2", at(1), "m-a1")]
    goes_on = [
        assistant(
            "ann-1",
            "a3",
            at(2),
            "m-a2",
            content=[tool_use("t-a1", "Read", file_path=f"{MINE['cwd']}/annegret.txt")],
            **MINE,
        ),
        tool_result("ann-1", "a4", at(3), "t-a1", "annegret.txt: no such file", error=True, **MINE),
    ]
    fork = [
        *as_session(begun, "bo-fork"),
        user("bo-fork", "f1", at(20), "go on"),
        assistant("bo-fork", "f2", at(21), "m-f1"),
    ]
    own = [user("bo-1", "b1", at(5), "build it"), assistant("bo-1", "b2", at(6), "m-b1")]
    title = {"type": "custom-title", "customTitle": "Plans of annegret", "sessionId": "ann-1"}
    aside = [{**each, "isSidechain": True, "agentId": "deep"} for each in begun[:1]]
    return {
        "annegret": jsonl(tmp_path / "annegret" / "ann-1.jsonl", [*begun, *goes_on, *aside, title]),
        "bo": jsonl(tmp_path / "bo" / "bo-1.jsonl", own),
        "fork": jsonl(tmp_path / "bo" / "bo-fork.jsonl", fork),
    }


def put(store: Store, path: Path, owner: str | None) -> None:
    """Read a file as the work of somebody."""
    portion = portion_of(path, store)
    portion.owner = owner
    assert store.write([portion], MEASURER) == []


def filled(store: Store, logs: dict[str, Path], *names: str) -> Store:
    """Read logs of these names, each as the work of whom it is."""
    for name in names:
        put(store, logs[name], "annegret" if name == "annegret" else "bo")
    return store


def everything(store: Store) -> Iterator[str]:
    """Every value of every table, as text."""
    assert isinstance(store, SqlArchive)
    for size in store.tables():
        for row in store.database.rows(f'SELECT * FROM "{size.table}"'):
            for value in row:
                yield (
                    bytes(value).decode("latin-1")
                    if isinstance(value, bytes | memoryview)
                    else str(value)
                )


def test_an_archive_is_as_if_somebody_had_never_been(
    archives: Archives, logs: dict[str, Path]
) -> None:
    """What others told as well is theirs, sums are those of others alone, no name is left."""
    store = filled(archives.new(), logs, "annegret", "bo", "fork")
    people = store.people
    people.add_user("annegret", "admin", hash_of(PASSWORD), "local", NOW_US)
    people.add_token("laptop", "ingest", new_token(), "annegret", NOW_US, "annegret")
    people.add_user("bo", "admin", hash_of(PASSWORD), "annegret", NOW_US)
    ann = people.user("annegret")
    assert ann is not None
    alert_acknowledged_by(store, ann.id)
    hook = {(AGENT, "ann-1"): Hooked(at_us=NOW_US)}
    store.keep_hooked(hook, NOW_US)
    held = store.personal.held("annegret")
    assert (held.sessions, held.threads, held.files, held.tokens) == (1, 2, 1, 1)
    assert (held.signs_in, held.hooked, held.shared) == (True, 1, 0)
    store.personal.erase("annegret", MEASURER, "bo", NOW_US)
    assert contents(store) == contents(filled(archives.new(), logs, "bo", "fork"))
    assert store.past.rebuild(MEASURER, writes=False) == ([], 0)
    assert [text for text in everything(store) if "annegret" in text or "ann-1" in text] == []
    assert [each.name for each in people.users() if each.password] == ["bo"]
    last = max(people.acts(9), key=lambda act: act.what == "erased the data of")
    assert (last.by, last.about[:7]) == ("bo", "erased-")
    assert {act.by for act in people.acts(9)} == {"local", "bo", last.about}
    assert store.personal.held("annegret").is_nothing
    assert store.personal.people() == ["bo"]


def test_what_was_erased_is_not_told_again(archives: Archives, logs: dict[str, Path]) -> None:
    """The same log, a copy of it under another name, hooks: nothing; what is new comes in."""
    store = filled(archives.new(), logs, "annegret", "bo")
    store.personal.erase("annegret", MEASURER, "local", NOW_US)
    before = contents(store)
    put(store, logs["annegret"], None)
    records = [json.loads(line) for line in logs["annegret"].read_text().splitlines()]
    copy = jsonl(logs["bo"].with_name("copy.jsonl"), as_session(records, "copy"))
    put(store, copy, "annegret")
    store.keep_hooked({(AGENT, "ann-1"): Hooked(at_us=NOW_US)}, NOW_US)
    after = contents(store)
    assert {**after, "input": None} == {**before, "input": None}
    assert store.hooked(0) == {}
    put(store, logs["fork"], "bo")
    forked = store.session("bo-fork")
    assert forked is not None
    assert [call.at_us for call in forked[1].calls.values()] != []
    assert (len(forked[1].calls), len(forked[1].tools)) == (1, 0)


def test_a_session_that_others_tell_too_stays_theirs(
    archives: Archives, logs: dict[str, Path]
) -> None:
    """Two people's logs of one session: erasing one of them takes the name, not the session."""
    store = filled(archives.new(), logs, "bo")
    again = jsonl(logs["annegret"].with_name("again.jsonl"), [])
    again.write_text(logs["bo"].read_text())
    put(store, again, "annegret")
    assert store.personal.held("annegret").shared == 1
    store.personal.erase("annegret", MEASURER, "local", NOW_US)
    assert contents(store) == contents(filled(archives.new(), logs, "bo"))


def called(*words: str, said: str | None = None) -> Ran:
    """Run the command in this process, at a terminal where something is said."""
    out, err = StringIO(), StringIO()
    into = StringIO(said or "")
    into.isatty = lambda: said is not None  # type: ignore[method-assign]
    code = run(list(words), Caller(os.environ, NOW_US, out, err, into))
    return Ran(out.getvalue(), err.getvalue(), code)


def rows_of(archive: ZipFile, name: str) -> list[dict[str, Any]]:
    """The lines of a file of somebody's data."""
    return [json.loads(line) for line in archive.read(f"{name}.jsonl").splitlines()]


@pytest.mark.usefixtures("home")
def test_the_command_hands_out_and_erases(logs: dict[str, Path], tmp_path: Path) -> None:
    """Everything is in one file; erasing tells what goes first, and wants the name typed."""
    db = str(tmp_path / "own.db")
    store = filled(open_store(db), logs, "annegret", "bo")
    store.people.add_token("laptop", "ingest", new_token(), "local", NOW_US, "annegret")
    store.close()
    to = str(tmp_path / "her.zip")
    assert called("user", "export", "annegret", "--db", db, "--to", to).code == 0
    assert "there already" in called("user", "export", "annegret", "--db", db, "--to", to).stderr
    away = str(tmp_path / "no" / "her.zip")
    assert called("user", "export", "annegret", "--db", db, "--to", away).code == 1
    with ZipFile(to) as archive:
        assert "annegret" in archive.read("README.txt").decode()
        told = {each["session_id"]: each for each in rows_of(archive, "sessions")}
        assert set(told) == {"ann-1", "ann-1/deep"}
        (session,) = told["ann-1"]["told"]
        assert "annegret/secret" in {each["branch"] for each in session["calls"].values()}
        assert "Plans of annegret" in session["marks"]["title.custom"]
        assert told["ann-1"]["figures"]["calls"] == 2
        assert [each["name"] for each in rows_of(archive, "tokens")] == ["laptop"]
        assert rows_of(archive, "acts")[0]["about"] == "laptop (ingest) for annegret"
        assert [each["path"] for each in rows_of(archive, "files")] == [str(logs["annegret"])]
    plan = called("user", "erase", "annegret", "--db", db, "--dry-run")
    assert "1 session and 1 sub-agent" in plan.stdout
    assert called("user", "erase", "annegret", "--db", db).code == 2
    assert called("user", "erase", "annegret", "--db", db, said="anne\n").code == 2
    assert called("user", "erase", "local", "--db", db, "--yes").code == 1
    done = called("user", "erase", "annegret", "--db", db, "--json", said="annegret\n")
    assert json.loads(done.stdout)["erased"] is True
    assert called("user", "erase", "annegret", "--db", db, "--yes").code == 1
    assert called("user", "erase", "bo", "--db", db, "--yes").code == 0
    assert file_name("Änne/bo") == "tachlog-_nne_bo.zip"
