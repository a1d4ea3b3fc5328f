"""Archives that cannot be used, settings that cannot be meant, runs that end too early."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from conftest import Ran, Run
from end_to_end import COMMAND, SESSION, answer, children, ended, lasting, lines, start
from tachlog.demo import write_demo

ELSEWHERE = (
    "check that its directory exists and can be written, or use another with --db or none with"
    " --no-store\n"
)
IN_PROCESS = "import sys; from tachlog.cli import main; {}; sys.exit(main(sys.argv[1:]))"
"""The whole command with something in it changed."""


@pytest.fixture
def log(home: Path) -> Path:
    """Write a log of one session."""
    path = home / "log.jsonl"
    path.write_bytes(b"".join(lines()))
    return path


@pytest.fixture
def archive(tachlog: Run, log: Path, home: Path) -> Path:
    """Read the log into an archive."""
    path = home / "archive.db"
    tachlog("analyze", log, "--db", path)
    return path


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 400 kB, where this user may mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the example logs."""
    directory = tmp_path_factory.mktemp("demo")
    write_demo(directory)
    return directory


@pytest.fixture(scope="module")
def big_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give example logs that are read by several processes."""
    directory = tmp_path_factory.mktemp("big-demo")
    write_demo(directory, size_bytes=30_000_000)
    return directory


def command(change: str, *words: str | Path) -> Ran:
    """Run the command with something in it changed."""
    done = subprocess.run(
        [sys.executable, "-c", IN_PROCESS.format(change), *words],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    return Ran(done.stdout, done.stderr, done.returncode)


def is_sound(archive: Path) -> bool:
    """Whether SQLite finds nothing wrong with an archive."""
    with closing(sqlite3.connect(archive)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_a_full_disk_is_told_and_the_next_run_completes(
    tachlog: Run, demo: Path, tiny_disk: Path
) -> None:
    """Nothing half-written stays; with room again the same command ends as ever."""
    archive = tiny_disk / "tachlog.db"
    full = tachlog("analyze", demo, "--db", archive, "--json", check=False)
    assert (full.stdout, full.code) == ("", 1)
    assert full.stderr == (
        f"tachlog analyze: {archive}: the disk is full; free some space and run again:"
        " what was stored is intact\n"
    )
    assert is_sound(archive)
    subprocess.run(["mount", "-o", "remount,size=100m", str(tiny_disk)], check=True)
    again = tachlog("analyze", demo, "--db", archive, "--json")
    assert lasting(again) == lasting(tachlog("analyze", demo, "--no-store", "--json"))


def test_a_limit_of_file_size_is_told_and_the_next_run_completes(
    tachlog: Run, demo: Path, home: Path
) -> None:
    """A quota that stops the archive from growing is told like a full disk."""
    limited = start(
        *("analyze", demo, "--db", home / "a.db"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000)),
    )
    ran = ended(limited)
    assert (ran.stdout, ran.code) == ("", 1)
    assert (
        "the disk refused to read or write; check its space, its limits (ulimit -f)" in ran.stderr
    )
    assert is_sound(home / "a.db")
    again = tachlog("analyze", demo, "--db", home / "a.db", "--json")
    assert lasting(again) == lasting(tachlog("analyze", demo, "--no-store", "--json"))


def test_an_archive_that_cannot_be_written_is_told(
    tachlog: Run, archive: Path, tiny_disk: Path
) -> None:
    """On a read-only disk the command says what to do, and can still answer without storing."""
    (tiny_disk / "tachlog.db").write_bytes(archive.read_bytes())
    log = archive.with_name("log.jsonl")
    with log.open("ab") as file:
        file.write(b"".join(lines("new00001")))
    subprocess.run(["mount", "-o", "remount,ro", str(tiny_disk)], check=True)
    for place in (tiny_disk / "tachlog.db", tiny_disk / "new.db"):
        ran = tachlog("analyze", log, "--db", place, check=False)
        assert (ran.stdout, ran.code) == ("", 1)
        assert ran.stderr == f"tachlog analyze: {place}: cannot be opened; {ELSEWHERE}"
    assert len(answer(tachlog("analyze", log, "--no-store", "--json"))["sessions"]) == 2


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("/proc/tachlog.db", "cannot be opened; "),
        ("log.jsonl/tachlog.db", "cannot be opened (File exists); "),
        (".", "cannot be opened; "),
    ],
)
def test_a_place_for_no_archive_is_told(tachlog: Run, log: Path, place: str, told: str) -> None:
    """A directory, a place below a file and one where nothing can be made say what to do."""
    ran = tachlog("analyze", log, "--db", place, check=False)
    assert (ran.stdout, ran.code) == ("", 1)
    assert ran.stderr == f"tachlog analyze: {place}: {told}{ELSEWHERE}"


def test_a_locked_archive_is_told_and_can_be_read(tachlog: Run, log: Path, archive: Path) -> None:
    """A writer that never ends stops other writers, not readers; nothing is lost."""
    with log.open("ab") as file:
        file.write(b"".join(lines("new00001")))
    with closing(sqlite3.connect(archive, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        short = "from tachlog.stores import sqlite; sqlite.BUSY_SECONDS = 0.05"
        locked = command(short, "analyze", log, "--db", archive)
        assert (locked.stdout, locked.code) == ("", 1)
        assert "locked by another process" in locked.stderr
        assert "nothing was lost" in locked.stderr
        assert SESSION in tachlog("sessions", "--db", archive, "--json").stdout
        writer.execute("ROLLBACK")
    again = tachlog("analyze", log, "--db", archive, "--json")
    assert lasting(again) == lasting(tachlog("analyze", log, "--no-store", "--json"))


@pytest.mark.parametrize("verb", ["analyze", "sessions", "trends", "doctor"])
@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_corrupt_archive_is_told(tachlog: Run, archive: Path, verb: str, damage: str) -> None:
    """What is no archive, or no whole one, is named with what to do; it is not overwritten."""
    data = archive.read_bytes()[:20_000] if damage == "cut" else b"These are no tables. " * 99
    archive.write_bytes(data)
    words = [verb, *([archive.with_name("log.jsonl")] if verb == "analyze" else [])]
    ran = tachlog(*words, "--db", archive, check=False)
    assert (ran.stdout, ran.code) == ("", 1)
    assert ran.stderr.startswith(f"tachlog {verb}: {archive}: not a readable archive (")
    assert "move the file away and run again: the archive is built anew" in ran.stderr
    assert archive.read_bytes() == data


def test_an_archive_from_a_newer_version_is_left_alone(tachlog: Run, archive: Path) -> None:
    """Every verb refuses an archive that it does not know, and says what to do."""
    with closing(sqlite3.connect(archive)) as connection:
        connection.execute("PRAGMA user_version = 99")
    for words in (["analyze", archive.with_name("log.jsonl")], ["sessions"], ["doctor"], []):
        ran = tachlog(*words, "--db", archive, check=False)
        assert (ran.stdout, ran.code) == ("", 1)
        assert "the archive has version 99, this tachlog" in ran.stderr
        assert "install a newer tachlog" in ran.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[alerts]\nerror_rate_treshold = 0.1\n",
            "unknown key alerts.error_rate_treshold; did you mean alerts.error_rate_threshold?",
        ),
        ('[alerts]\nerror_rate_threshold = "high"\n', "alerts.error_rate_threshold = "),
        ("[storage]\nhistory_days = 30\n", "is less than storage.retention_days = 90"),
        ("[storage]\nretention_days = -3\n", "storage.retention_days = -3: Expected `int` >= 1"),
        ("alerts = 3\n", "alerts is a table: write [alerts] and its keys below it"),
        ("[alerts\n", "cannot be read: Expected ']'"),
        (b"\xff\xfe", "cannot be read: 'utf-8' codec"),
        ('[display]\ntime_zone = "Mars/Olympus"\n', "'Mars/Olympus' is no zone"),
        ('[storage]\ndriver = "mongo"\n', "give one of sqlite"),
        ('[signals.errors]\nrate_limit = ["(open"]\n', "rate_limit = '(open'"),
        ('[signals.behaviors]\nretry = "again"\n', "Expected `array`, got `str`"),
        ('[prices]\nfile = "gone.toml"\n', "gone.toml: cannot be read: No such file or directory"),
        ('[prices]\nfile = "config.toml"\n', "config.toml: unknown key prices in the file"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_misuse(
    tachlog: Run, home: Path, log: Path, text: str | bytes, told: str
) -> None:
    """The file, the key, what is wrong with it: 2, and nothing is read or made."""
    path = home / ".config/tachlog/config.toml"
    path.parent.mkdir(parents=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    ran = tachlog("analyze", log, check=False)
    assert (ran.stdout, ran.code) == ("", 2)
    assert ran.stderr.startswith(f"tachlog analyze: {home}/.config/tachlog/")
    assert told in ran.stderr
    assert ran.stderr.count("\n") == 1
    assert not (home / ".local").exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["sesions"], 2, "there is no verb 'sesions'; did you mean sessions?"),
        (["analyze", "--jsn"], 2, "there is no option --jsn; did you mean --json?"),
        (["sessions", "--since", "soon"], 2, "--since: 'soon' is no time"),
        (["sessions", "--since", "2026-02-30"], 2, "--since: '2026-02-30' is no time"),
        (["show", "c0ffee"], 1, "no session begins with 'c0ffee'; tachlog sessions lists them"),
        (["show"], 2, "ID is missing"),
    ],
)
def test_misuse_is_told(
    tachlog: Run, archive: Path, words: list[str], code: int, told: str
) -> None:
    """What is wrong and what was perhaps meant, on stderr alone."""
    ran = tachlog(*words, env={"TACHLOG_STORAGE__URL": str(archive)}, check=False)
    assert (ran.stdout, ran.code) == ("", code)
    assert told in ran.stderr


def test_an_ambiguous_session_is_not_guessed(tachlog: Run, home: Path) -> None:
    """Several sessions that begin alike are listed."""
    (home / "log.jsonl").write_bytes(b"".join(lines("feed0001") + lines("feed0002")))
    tachlog("analyze", "log.jsonl")
    ran = tachlog("show", "feed", check=False)
    assert (ran.stdout, ran.code) == ("", 1)
    assert "may be feed0001, feed0002" in ran.stderr
    assert tachlog("show", "feed0002").stderr == ""


def test_a_reader_that_goes_away_is_no_fault(tachlog: Run, log: Path, home: Path) -> None:
    """`tachlog sessions | head -1` prints one line and nothing else."""
    tachlog("analyze", log)
    piped = subprocess.run(
        ["bash", "-c", f"{COMMAND} sessions | head -1; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        encoding="utf-8",
        check=True,
        cwd=home,
    )
    _, code = piped.stdout.splitlines()
    assert int(code) in (0, 141)
    assert piped.stderr == ""


def stored(archive: Path) -> int:
    """How many files an archive has something of."""
    with closing(sqlite3.connect(archive)) as connection:
        return int(connection.execute("SELECT count(*) FROM files").fetchone()[0])


def started(*words: str | Path) -> subprocess.Popen[str]:
    """Start a command and wait until it has started processes of its own."""
    process = start(*words)
    while not children(process):
        assert process.poll() is None, "it ended before it could be disturbed"
        time.sleep(0.001)
    return process


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_a_worker_that_is_killed_is_made_up_for(tachlog: Run, big_demo: Path, home: Path) -> None:
    """What a worker had in hand when it died is read again: the same answer, 0."""
    process = started("analyze", big_demo, "--jobs", "2", "--json")
    os.kill(children(process)[0], signal.SIGKILL)
    ran = ended(process)
    assert (ran.stderr, ran.code) == ("", 0)
    assert is_sound(home / ".local/share/tachlog/tachlog.db")
    undisturbed = tachlog("analyze", big_demo, "--no-store", "--json", "--jobs", "1")
    assert lasting(ran) == lasting(undisturbed)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
@pytest.mark.parametrize("files", [0, 1, 20])
def test_ctrl_c_leaves_whole_batches(tachlog: Run, big_demo: Path, home: Path, files: int) -> None:
    """An interrupt ends it with 130 and no noise; what was stored is whole, the rest comes next."""
    archive = home / ".local/share/tachlog/tachlog.db"
    process = started("analyze", big_demo, "--jobs", "2")
    while stored(archive) < files:
        assert process.poll() is None, "it ended before it could be disturbed"
    os.killpg(process.pid, signal.SIGINT)
    ran = ended(process)
    assert (ran.code, ran.stdout, ran.stderr) == (130, "", "")
    assert is_sound(archive)
    again = tachlog("analyze", big_demo, "--json")
    assert lasting(again) == lasting(tachlog("analyze", big_demo, "--no-store", "--json"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")
def test_no_worker_outlives_the_command(big_demo: Path) -> None:
    """When the command is killed its workers end by themselves."""
    process = started("analyze", big_demo, "--jobs", "2", "--no-store")
    workers = children(process)
    process.kill()
    assert ended(process).code == -signal.SIGKILL
    for worker in workers:
        while Path(f"/proc/{worker}/stat").exists() and not is_zombie(worker):
            time.sleep(0.01)


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and only nobody has asked for its exit code."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_two_at_once_store_everything_once(tachlog: Run, demo: Path) -> None:
    """Two commands that read the same logs into one archive end as one would."""
    processes = [start("analyze", demo, "--json") for _ in range(2)]
    runs = [ended(process) for process in processes]
    assert [(ran.code, ran.stderr) for ran in runs] == [(0, "")] * 2
    alone: Any = lasting(tachlog("analyze", demo, "--no-store", "--json"))
    assert [lasting(ran) for ran in runs] == [alone] * 2
    listed = json.loads(tachlog("sessions", "--json").stdout)
    assert len(listed) == alone["totals"]["sessions"]


def test_an_archive_with_other_tables_than_its_version_says_is_told(
    tachlog: Run, log: Path, archive: Path
) -> None:
    """A column that is missing is named, and what to do about the file."""
    tachlog("analyze", log, "--db", archive)
    with closing(sqlite3.connect(archive)) as connection:
        connection.execute("ALTER TABLE agent_telemetry_summaries RENAME TO others")
    ran = tachlog("sessions", "--db", archive, check=False)
    assert (ran.code, ran.stdout) == (1, "")
    assert "has other tables than its version says" in ran.stderr
    assert "move the file away" in ran.stderr
