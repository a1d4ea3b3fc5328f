"""When a newer revision of a format tells something else, logs that still exist are told anew."""

from __future__ import annotations

import gzip
import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from archives import MEASURER, contents, figures
from conftest import Run
from tachlog import upgrade
from tachlog.config import Config
from tachlog.engines import Task, work
from tachlog.pipeline import ReadNow, bring_up_to_date
from tachlog.sources import all_sources, code_stamp
from tachlog.stores import Renewal, Store, open_store
from test_truth_opencode import SCHEMA

MODULE = '''
"""A format of the tests: one JSON object a line; revision {revision} of it."""

import os

import msgspec

from tachlog.model import Chunk, Mark, Reading, Reply, Thread, ToolCall, Usage, key_of
from tachlog.records import decode
from tachlog.sources import Source

REVISION = {revision}


class Record(msgspec.Struct):
    {name}: str = ""
    run: str = ""
    root: str | None = None
    call: str = ""
    at_us: int = 0
    tokens: int = 0
    deadly: bool = False


class State(msgspec.Struct):
    """What is remembered between chunks."""
    {state}


decoder = msgspec.json.Decoder(Record)


def claims(path, head):
    return head.startswith(b'{{"{name}":')


def read(chunk, state):
    records, problems = decode(chunk, decoder, "{name}")
    reading = Reading([], [], {{}}, {{}}, problems)
    for record in records:
        if record.deadly and "DEADLY" in os.environ:
            os.kill(os.getpid(), 9)
        reading.record_keys.append(key_of("acme", record.call))
        name = record.call if REVISION < 3 else "renamed " + record.call
        run = record.run if REVISION < 3 else record.run.upper()
        thread = Thread("acme", run, record.root or run, record.root)
        usage = Usage(input=record.tokens * REVISION, output=1)
        key = key_of("acme", name)
        reading.events.append(
            Reply(key, thread, record.at_us, key, "m", "p", usage, stop_reason="end")
        )
        if REVISION == 1:
            reading.events.append(ToolCall(key, thread, record.at_us, "Read"))
            reading.events.append(Mark(thread, record.at_us, "title.ai", "of revision 1"))
    return reading


SOURCE = Source(
    name="{name}",
    title="Format {name}",
    revision=REVISION,
    change="{change}",
    claims=claims,
    state={make},
    read=read,
    skips={{}},
    evidence=("the tests, checked 2026-11-22",),
    lives="nowhere",
    tokens="as told",
    proof="documentation only",
)
'''

Install = Callable[..., None]


def put(site: Path, name: str, revision: int, change: str = "", state: str = "") -> None:
    """Write an installed distribution with one format."""
    info = site / f"{name}-1.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    make = "lambda: State(0)" if state else "State"
    module = MODULE.format(name=name, revision=revision, change=change, state=state, make=make)
    (site / f"{name}.py").write_text(module)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {revision}\n")
    (info / "entry_points.txt").write_text(f"[tachlog.sources]\n{name} = {name}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory that modules are imported from."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path / "site"
    for name in ("acme", "beta"):
        sys.modules.pop(name, None)
    all_sources.cache_clear()


@pytest.fixture
def install(site: Path) -> Install:
    """A function that installs a revision of a format for this process."""

    def installed(name: str, revision: int, change: str = "", state: str = "") -> None:
        put(site, name, revision, change, state)
        sys.modules.pop(name, None)
        all_sources.cache_clear()

    return installed


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty archive."""
    return open_store(str(tmp_path / "archive.db"))


def log(path: Path, *calls: str, run: str = "r", name: str = "acme", **more: Any) -> Path:
    """Write calls of a run as a log; each was made a second after the one before."""
    with path.open("a") as file:
        for place, call in enumerate(calls):
            at_us = 1_800_000_000_000_000 + place * 1_000_000
            line = {name: "x", "run": run, "call": call, "at_us": at_us, "tokens": 100, **more}
            file.write(json.dumps(line) + "\n")
    return path


def analyze(store: Store, *paths: Path) -> ReadNow:
    """Bring an archive up to date with these files."""
    return bring_up_to_date(store, [str(path) for path in paths], Config(), jobs=1)


def anew(*paths: Path) -> dict[str, Any]:
    """What an archive holds that never saw an earlier revision."""
    store = open_store("private:")
    analyze(store, *paths)
    return contents(store)


def test_a_raised_revision_tells_files_anew(install: Install, store: Store, tmp_path: Path) -> None:
    """What an earlier revision told is replaced: the archive is as if it had never been read."""
    install("acme", 1)
    log(tmp_path / "a.jsonl", "c1", "c2", "c1")
    log(tmp_path / "a.jsonl", "s1", run="r/sub", root="r")
    (tmp_path / "b.jsonl").write_text('{"acme":"x","run":"q","call":"c9","at_us":1\n')
    log(tmp_path / "b.jsonl", "c3", run="q")
    analyze(store, tmp_path)
    assert figures(store)["r"]["tool_calls"] == 2
    for revision in (2, 3):
        install("acme", revision)
        read = analyze(store, tmp_path / "b.jsonl")
        assert contents(store) == anew(tmp_path)
        assert (read.files, read.records) == (0, 0)
        assert [each["files"] for each in map(as_dict, read.renewed)] == [2]


def as_dict(view: Any) -> dict[str, Any]:
    """A struct's fields by name."""
    return {name: getattr(view, name) for name in view.__struct_fields__}


def test_what_moved_is_told_once(install: Install, store: Store, tmp_path: Path) -> None:
    """The run that reads again says per source how calls, tool calls and tokens changed."""
    install("acme", 1)
    log(tmp_path / "a.jsonl", "c1", "c2")
    analyze(store, tmp_path)
    install("acme", 2, "tokens are told twice")
    (told,) = analyze(store, tmp_path).renewed
    assert as_dict(told) == {
        "source": "acme",
        "title": "Format acme",
        "revision": 2,
        "change": "tokens are told twice",
        "files": 1,
        "staying": 0,
        "kept": 0,
        "calls_before": 2,
        "calls": 2,
        "tool_calls_before": 2,
        "tool_calls": 0,
        "tokens_before": 202,
        "tokens": 402,
    }
    assert analyze(store, tmp_path).renewed == ()


def test_a_lower_revision_reads_nothing_again(
    install: Install, store: Store, tmp_path: Path
) -> None:
    """An older program at the same archive leaves what a newer one told."""
    install("acme", 2)
    log(tmp_path / "a.jsonl", "c1")
    analyze(store, tmp_path)
    install("acme", 1)
    assert analyze(store, tmp_path).renewed == ()
    assert figures(store)["r"]["tokens"] == 201


def test_what_grew_meanwhile_is_read_with_it(
    install: Install, store: Store, tmp_path: Path
) -> None:
    """A file that was appended to since is read once, as a whole."""
    install("acme", 1)
    log(tmp_path / "a.jsonl", "c1")
    analyze(store, tmp_path)
    install("acme", 3)
    log(tmp_path / "a.jsonl", "c2")
    analyze(store, tmp_path)
    assert contents(store) == anew(tmp_path / "a.jsonl")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_files_of_other_formats_that_tell_the_same_are_read_again_too(
    install: Install, store: Store, tmp_path: Path, order: tuple[int, ...]
) -> None:
    """Sessions told by two formats, and copied histories, come out as if read for the first time.

    In whatever order they were read before.
    """
    install("acme", 1)
    install("beta", 1)
    logs = [
        log(tmp_path / "a.jsonl", "c1", "c2"),
        log(tmp_path / "b.jsonl", "c2", "c4", name="beta"),
        log(tmp_path / "c.jsonl", "c1", "c2", "c5", run="fork"),
    ]
    log(logs[1], "o1", "o2", run="other", name="beta")
    log(logs[1], "s1", run="r/side", root="r", name="beta")
    for place in order:
        analyze(store, logs[place])
    install("acme", 2)
    read = analyze(store, logs[0])
    assert contents(store) == anew(*logs)
    assert [(told.source, told.files) for told in read.renewed] == [("acme", 2)]


def test_what_gone_files_told_stays(install: Install, store: Store, tmp_path: Path) -> None:
    """Sessions that a deleted file told are left as they are; when it is back it is read again."""
    install("acme", 1)
    gone = log(tmp_path / "gone.jsonl", "c1", run="old")
    mixed = log(tmp_path / "mixed.jsonl", "c2", run="old")
    there = log(tmp_path / "there.jsonl", "c3", run="new")
    analyze(store, tmp_path)
    kept = gone.read_bytes()
    gone.unlink()
    install("acme", 2)
    (told,) = analyze(store, tmp_path).renewed
    assert (told.files, told.staying) == (1, 1)
    assert figures(store)["old"] == {"calls": 2, "tool_calls": 2, "prompts": 0, "tokens": 202}
    assert figures(store)["new"]["tool_calls"] == 0
    assert analyze(store, tmp_path).renewed == ()
    log(mixed, "c4", run="old")
    analyze(store, tmp_path)
    assert figures(store)["old"]["calls"] == 3
    gone.write_bytes(kept)
    analyze(store, tmp_path)
    analyze(store, tmp_path)
    assert figures(store)["old"]["calls"] == 3
    assert there.exists()


@pytest.mark.parametrize("state", ["", "count: int"])
def test_a_file_that_stays_is_read_on(
    install: Install, store: Store, tmp_path: Path, state: str
) -> None:
    """What is appended to a file that could not be told anew counts once, whatever its state."""
    install("acme", 1)
    gone = log(tmp_path / "gone.jsonl", "c1")
    mixed = log(tmp_path / "mixed.jsonl", "c2")
    analyze(store, tmp_path)
    gone.unlink()
    install("acme", 2, state=state)
    log(mixed, "c3")
    analyze(store, tmp_path)
    assert figures(store)["r"]["calls"] == 3


def test_a_file_that_was_written_anew_keeps_what_it_told(
    install: Install, store: Store, tmp_path: Path
) -> None:
    """A file that no longer holds what it told is not told anew; what is in it now is added."""
    install("acme", 1)
    path = log(tmp_path / "a.jsonl", "c1", "c2")
    analyze(store, tmp_path)
    path.unlink()
    log(path, "c3")
    install("acme", 2)
    (told,) = analyze(store, tmp_path).renewed
    assert (told.files, told.staying) == (0, 1)
    assert figures(store)["r"]["calls"] == 3


def test_nothing_changes_when_another_process_was_first(
    install: Install, store: Store, tmp_path: Path
) -> None:
    """A renewal whose file moved on meanwhile drops itself as a whole."""
    install("acme", 1)
    path = log(tmp_path / "a.jsonl", "c1")
    analyze(store, path)
    install("acme", 2)
    work.prepare(work.Setup())
    reading = work.read(Task(str(path), store.progress()[str(path)], 0, again=True))
    assert reading.portion is not None
    before = contents(store)
    log(path, "c2")
    renewal = Renewal(frozenset([str(path)]), frozenset([str(path)]))
    other = work.read(Task(str(path), store.progress()[str(path)], 0)).portion
    assert other is not None
    store.write([other], MEASURER)
    assert store.renew(renewal, [[reading.portion]], MEASURER) is None
    assert contents(store) != before
    assert figures(store)["r"]["calls"] == 2


def test_what_another_process_was_first_with_is_left_to_the_next_run(
    install: Install, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a file moved on between reading and writing, the next run tells it anew."""
    install("acme", 1)
    path = log(tmp_path / "a.jsonl", "c1")
    analyze(store, path)
    install("acme", 2)
    renew = store.renew

    def after_another(*arguments: Any) -> Any:
        log(path, "c2")
        other = work.read(Task(str(path), store.progress()[str(path)], 0)).portion
        assert other is not None
        other.revision = 1
        store.write([other], MEASURER)
        return renew(*arguments)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(store, "renew", after_another)
        assert analyze(store, path).renewed == ()
    (told,) = analyze(store, path).renewed
    assert told.files == 1
    assert contents(store) == anew(path)


@pytest.mark.parametrize("most_bytes", [1, 150, 1 << 20])
def test_small_batches_and_transactions_give_the_same(
    install: Install,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most_bytes: int,
) -> None:
    """However much is read and written at once, the archive is the same, and progress is told."""
    for name in ("AT_ONCE_BYTES", "WRITE_BYTES", "BATCH_BYTES"):
        monkeypatch.setattr(upgrade, name, most_bytes)
    monkeypatch.setattr(work, "PORTION_BYTES", most_bytes)
    install("acme", 1)
    for number in range(4):
        log(tmp_path / f"{number}.jsonl", f"c{number}", "shared", run=f"run {number // 2}")
    analyze(store, tmp_path)
    install("acme", 3)
    shown: list[tuple[int, int]] = []
    bring_up_to_date(
        store,
        [str(tmp_path)],
        Config(),
        jobs=1,
        progress=lambda done, total: shown.append((done, total)),
    )
    assert contents(store) == anew(tmp_path)
    assert shown[-1][0] == shown[-1][1]


def test_a_root_that_only_its_agents_tell_goes_with_them(
    install: Install, store: Store, tmp_path: Path
) -> None:
    """A main session that no log tells of has a row for its sub-agent, under its new name."""
    install("acme", 1)
    log(tmp_path / "a.jsonl", "c1", run="root/sub", root="root")
    analyze(store, tmp_path)
    assert figures(store).keys() == {"root", "root/sub"}
    site = tmp_path / "site/acme.py"
    install("acme", 3)
    site.write_text(site.read_text().replace("record.root or run", "(record.root or run).upper()"))
    analyze(store, tmp_path)
    assert figures(store).keys() == {"ROOT", "ROOT/SUB"}


def test_a_file_that_was_damaged_since_keeps_what_it_told(
    install: Install, store: Store, tmp_path: Path
) -> None:
    """A compressed log that ends too early now is not told anew; nor is one that none claims."""
    install("acme", 1)
    whole = log(tmp_path / "plain", *(f"c{n}" for n in range(200))).read_bytes()
    packed, other = tmp_path / "a.jsonl.gz", tmp_path / "b.jsonl"
    packed.write_bytes(gzip.compress(whole))
    log(other, "d1", run="q")
    analyze(store, packed, other)
    size = packed.stat()
    packed.write_bytes(packed.read_bytes()[: size.st_size // 2] + bytes(size.st_size // 2 + 1))
    other.write_text('{"nobody":"claims it"}\n')
    install("acme", 2)
    (told,) = upgrade.renew_outdated(store, work.Setup(), 1, None)
    assert (told.files, told.staying) == (0, 2)
    assert figures(store)["r"]["calls"] == 200


def test_documents_and_databases_are_told_anew(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A document that grew and a database with new rows are read whole in place of what was."""
    path = tmp_path / "opencode.db"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.execute("INSERT INTO session VALUES ('ses_1', NULL, '/p', 't', '1', 1, 1)")
    message = {"role": "user", "time": {"created": 1_800_000_000_000}}
    row = "INSERT INTO message VALUES (?, 'ses_1', 1, ?, ?)"
    connection.execute(row, ("msg_1", 1_800_000_000_000, json.dumps(message)))
    connection.commit()
    document = tmp_path / "tree/ses_2.json"
    document.parent.mkdir()
    document.write_text('{"id":"ses_2","projectID":"p","directory":"/p","title":"t"}')
    analyze(store, tmp_path)
    connection.execute(row, ("msg_2", 1_800_000_001_000, json.dumps(message)))
    connection.commit()
    connection.close()
    document.write_text('{"id":"ses_2","projectID":"p","directory":"/p","title":"other"}')
    monkeypatch.setitem(all_sources(), "opencode", replace(all_sources()["opencode"], revision=99))
    store.note(upgrade.NOTE, "[]")
    (told,) = analyze(store, tmp_path).renewed
    assert (told.files, told.staying) == (2, 0)
    assert contents(store) == anew(tmp_path)


def test_the_stamp_of_the_code_is_that_of_the_files(install: Install) -> None:
    """It changes with the files of a format, and with nothing else."""
    install("acme", 1)
    stamp = code_stamp()
    assert code_stamp() == stamp
    install("acme", 2)
    assert code_stamp() != stamp


def test_a_killed_run_loses_and_doubles_nothing(tachlog: Run, tmp_path: Path) -> None:
    """Killed in the middle, every session is told by the one or the other revision; then all anew.

    And the command tells in one line what moved, and why.
    """
    site, logs = tmp_path / "site", tmp_path / "logs"
    logs.mkdir()
    for number in range(3):
        log(logs / f"{number}.jsonl", f"c{number}", run=f"run-{number}")
    log(logs / "2.jsonl", "last", run="run-2", deadly=True)
    put(site, "acme", 1)
    environment = {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    command = ("analyze", "--db", str(tmp_path / "a.db"), "--jobs", "1", str(logs))
    tachlog(*command, env=environment)
    put(site, "acme", 2, "tokens are told twice")
    assert tachlog(*command, env={**environment, "DEADLY": "1"}, check=False).code == -9
    listed = tachlog("sessions", "--json", "--db", str(tmp_path / "a.db"), env=environment)
    told = {each["session_id"]: each["total_tokens"] for each in json.loads(listed.stdout)}
    assert told.keys() == {"run-0", "run-1", "run-2"}
    assert told["run-2"] == 202
    ran = tachlog(*command, env=environment)
    assert (
        "Format acme logs: revision 2 of this format (tokens are told twice), 3 files" in ran.stderr
    )
    assert "804 tokens, before 404" in ran.stderr
    assert "revision" not in tachlog(*command, env=environment).stderr
