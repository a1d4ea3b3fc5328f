"""Logs on S3-compatible storage and web servers are read like files, in parts, and once."""

from __future__ import annotations

import gzip
import io
import json
import logging
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from archives import contents, figures
from conftest import Run
from servers import WebServer, web_server
from tachlog.config import Config
from tachlog.engines import local
from tachlog.frames import FrameError, find_remote, head, remote
from tachlog.pipeline import ReadNow, bring_up_to_date
from tachlog.stores import Store, open_store
from test_archive import turn
from test_truth_opencode import SCHEMA

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

CASES = Path(__file__).parent / "corpus"
SECRETS = ("hunter2", "c1sig", "sekrit")


def lines(session: str, *numbers: int, size: int = 0) -> bytes:
    """A transcript of some turns; with `size` its first prompt is that long."""
    records = [record for n in numbers for record in turn(session, n, minute=n)]
    records[0]["message"] = {"role": "user", "content": "x" * size}
    return "".join(json.dumps(record) + "\n" for record in records).encode()


@pytest.fixture
def web() -> Iterator[WebServer]:
    """A web server."""
    with web_server() as server:
        yield server


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """The URL of a server of S3-compatible storage."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def unconnected() -> Iterator[None]:
    """Connections end with the test: the next one may be to other servers."""
    yield
    remote._opened.cache_clear()


@pytest.fixture
def bucket(storage: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """A new bucket, with its credentials in the environment."""
    for name, value in {
        "AWS_ENDPOINT_URL": storage,
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "sekrit",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    found = boto3.resource("s3").Bucket(f"logs-{abs(hash(request.node.name))}")
    found.create()
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty archive."""
    return open_store(str(tmp_path / "archive.db"))


def analyze(store: Store, *urls: str, jobs: int = 1) -> ReadNow:
    """Bring an archive up to date with what is at these URLs."""
    return bring_up_to_date(store, urls, Config(), jobs=jobs)


def put(bucket: Any, directory: Path, prefix: str) -> None:
    """Copy what is below a directory into a bucket."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and path.name != "expected.json":
            key = f"{prefix}/{path.relative_to(directory)}"
            bucket.put_object(Key=key, Body=path.read_bytes())


def locally(*directories: Path) -> dict[str, Any]:
    """What an archive holds that read these directories."""
    store = open_store("private:")
    analyze(store, *map(str, directories))
    return contents(store)


@pytest.mark.parametrize("case", ["openhands/conversation", "opencode/tree", "inspect_ai/archive"])
def test_a_prefix_is_read_like_a_directory(
    bucket: Any, store: Store, tmp_path: Path, case: str
) -> None:
    """Documents with others beside them, trees and archives tell what they tell as files."""
    directory = tmp_path / "logs"
    shutil.copytree(CASES / case, directory, ignore=shutil.ignore_patterns("expected.json"))
    put(bucket, directory, "some/where")
    bucket.put_object(Key="some/where.json", Body=b"of another prefix")
    bucket.put_object(Key="some/where/notes.txt", Body=b"called like no log")
    read = analyze(store, f"s3://{bucket.name}/some/where/")
    assert read.notes == {}
    assert len(read.paths) == sum(path.is_file() for path in directory.rglob("*"))
    assert contents(store) == locally(directory)


def test_objects_are_read_once_and_on(bucket: Any, store: Store) -> None:
    """Unchanged objects are not read again, longer ones from where they ended, others anew."""
    url = f"s3://{bucket.name}/a.jsonl"
    bucket.put_object(Key="a.jsonl", Body=lines("s", 1, 2))
    assert analyze(store, url).records == 8
    assert analyze(store, url).files == 0
    bucket.put_object(Key="a.jsonl", Body=lines("s", 1, 2, 3))
    assert analyze(store, url).records == 4
    bucket.put_object(Key="a.jsonl", Body=lines("s", 4) + lines("s", 5))
    assert analyze(store, url).records == 8
    assert figures(store)["s"]["calls"] == 10


@pytest.mark.parametrize("pack", [gzip.compress, zstd.compress])
def test_compressed_objects_are_unpacked(bucket: Any, store: Store, pack: Any) -> None:
    """Gzip and zstd, as in files."""
    bucket.put_object(Key="a/x.jsonl.gz", Body=pack(lines("s", 1)))
    assert analyze(store, f"s3://{bucket.name}/a").records == 4
    assert figures(store)["s"]["calls"] == 2


def test_a_database_is_fetched_and_leaves_nothing_behind(
    bucket: Any, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database is read from a temporary copy, only when it changed, and then only new rows."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = tmp_path / "opencode.db"
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    connection.execute("INSERT INTO session VALUES ('ses_1', NULL, '/p', 't', '1', 1, 1)")
    message = {"role": "user", "time": {"created": 1_800_000_000_000}}
    row = "INSERT INTO message VALUES (?, 'ses_1', 1, ?, ?)"
    connection.execute(row, ("msg_1", 1_800_000_000_000, json.dumps(message)))
    connection.commit()
    url = f"s3://{bucket.name}"
    bucket.put_object(Key="opencode.db", Body=path.read_bytes())
    assert analyze(store, url).records == 2
    assert analyze(store, url).files == 0
    connection.execute(row, ("msg_2", 1_800_000_001_000, json.dumps(message)))
    connection.commit()
    connection.close()
    bucket.put_object(Key="opencode.db", Body=path.read_bytes())
    assert analyze(store, url).records == 1
    assert list((tmp_path / "temporary").iterdir()) == []


def test_worker_processes_read_them_too(
    bucket: Any, web: WebServer, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a URL keeps secret reaches the workers, and the archive is as from one process."""
    monkeypatch.setattr(local, "SMALL_BYTES", 0)
    monkeypatch.setattr(local, "BIN_BYTES", 1)
    for number in range(3):
        bucket.put_object(Key=f"{number}.jsonl", Body=lines(f"s{number}", 1))
    web.files["/w.jsonl"] = lines("w", 1)
    address = web.url.replace("http://", "http://ana:hunter2@") + "/w.jsonl"
    read = analyze(store, f"s3://{bucket.name}", address, jobs=2)
    assert (read.notes, read.records) == ({}, 16)
    assert {each.authorization for each in web.asked} == {"Basic YW5hOmh1bnRlcjI="}


def test_only_new_bytes_are_asked_for(web: WebServer, store: Store) -> None:
    """A second reading of a longer file asks for its ends, its head and what is new."""
    first = lines("s", 1, size=1_000_000)
    web.files["/a.jsonl"] = first
    url = f"{web.url}/a.jsonl"
    analyze(store, url)
    assert web.bytes_asked() >= len(first)
    web.asked.clear()
    assert analyze(store, url).files == 0
    assert {each.method for each in web.asked} == {"HEAD"}
    web.files["/a.jsonl"] += lines("s", 2)
    web.asked.clear()
    assert analyze(store, url).records == 4
    assert web.bytes_asked() < len(first) / 2
    assert figures(store)["s"]["calls"] == 4


def test_requests_grow_up_to_a_bound(web: WebServer) -> None:
    """However large a file is, no more than 8 MiB of it are held."""
    web.files["/a.jsonl"] = lines("s", 1, size=40 << 20)
    (name,) = find_remote(f"{web.url}/a.jsonl", bool)
    web.asked.clear()
    with remote.RemoteFile(name) as file:
        parts = iter(lambda: file.read(256 << 10), b"")
        assert sum(len(part) for part in parts) == len(web.files["/a.jsonl"])
    sizes = [each.part[1] - each.part[0] + 1 for each in web.asked if each.part]
    assert max(sizes) == remote.MOST_BYTES
    assert len(sizes) < 20


def test_a_file_can_be_read_from_anywhere(web: WebServer) -> None:
    """It seeks and reads like a file, also beyond what is held of it."""
    data = bytes(range(256)) * 2000
    web.files["/a"] = data
    (name,) = find_remote(f"{web.url}/a", bool)
    with remote.RemoteFile(name) as file, io.BytesIO(data) as twin:
        for move in ((0, 0), (300_000, 0), (-70_000, 1), (-5, 2), (10, 2), (100, 0)):
            file.seek(*move)
            twin.seek(*move)
            assert file.tell() == twin.tell()
            assert file.read(100_000) == twin.read(100_000)
        assert bytes(file.read()) == twin.read()
        file.seek(7)
        assert io.BufferedReader(file).read(9) == data[7:16]


def test_servers_that_give_whole_files_only_are_read_all_the_same(
    web: WebServer, store: Store
) -> None:
    """Where parts are asked for and the whole file comes, it is taken from a temporary copy."""
    web.gives_parts = False
    web.files["/a.jsonl"] = lines("s", 1, 2, size=300_000)
    assert analyze(store, f"{web.url}/a.jsonl").records == 8
    assert figures(store)["s"]["calls"] == 4


def closed_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/absent.jsonl", "is not there: check the name"),
        ("/401", "may not be read (its server says 401): check your credentials"),
        ("/403", "may not be read (its server says 403): check your credentials"),
        ("/503", "cannot be had (its server says 503): try again later"),
        ("/silent", "did not come in time: try again"),
    ],
)
def test_refusals_of_web_servers_are_told(
    web: WebServer, store: Store, monkeypatch: pytest.MonkeyPatch, path: str, told: str
) -> None:
    """Each says what is wrong and what to do, under a name without secrets."""
    monkeypatch.setattr(remote, "READ_SECONDS", 0.3)
    web.answers = {"/401": 401, "/403": 403, "/503": 503}
    web.silent = {"/silent"}
    address = web.url.replace("http://", "http://ana:hunter2@") + path + "?X-Amz-Signature=c1sig"
    notes = analyze(store, address).notes
    assert list(notes) == [web.url + path]
    assert notes[web.url + path].startswith(told)


def test_servers_that_are_not_there_are_told(store: Store) -> None:
    """Nothing listens, or nobody knows the name."""
    refused = f"http://127.0.0.1:{closed_port()}/a.jsonl"
    assert "cannot be reached" in analyze(store, refused).notes[refused]
    unknown = "http://nowhere.invalid/a.jsonl"
    assert "is on a server that" in analyze(store, unknown).notes[unknown]


def test_a_file_without_a_size_is_told(web: WebServer, store: Store) -> None:
    """A server that does not say how long a file is gives nothing to read in parts."""
    web.tells_size = False
    web.files["/a.jsonl"] = lines("s", 1)
    (note,) = analyze(store, f"{web.url}/a.jsonl").notes.values()
    assert note == "has a size that its server does not tell: download it and name the copy"


def test_a_file_that_shrinks_meanwhile_ends_where_it_ends(web: WebServer) -> None:
    """What a server no longer has is a fault, told after what it had."""
    web.files["/a"] = b"x" * 300_000
    (name,) = find_remote(f"{web.url}/a", bool)
    web.files["/a"] = b""
    web.gives_parts = False
    with pytest.raises(FrameError, match="is shorter than its server said"):
        head(name)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "needs credentials: set AWS_"),
        ({"AWS_ENDPOINT_URL": "closed"}, "is on a server that cannot be reached"),
        ({"AWS_ENDPOINT_URL": "forbidden"}, "may not be read (its server says 403)"),
        ({}, "is not there: check the name"),
    ],
)
def test_refusals_of_storage_are_told(
    bucket: Any,
    web: WebServer,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, str],
    told: str,
) -> None:
    """No credentials, wrong ones, no server, no bucket: each in words, and in seconds."""
    web.answers["/absent"] = 403
    servers = {"closed": f"http://127.0.0.1:{closed_port()}", "forbidden": web.url}
    for name, value in change.items():
        monkeypatch.setenv(name, servers.get(value, value))
    (note,) = analyze(store, "s3://absent/logs").notes.values()
    assert note.startswith(told)


def test_an_empty_prefix_and_keys_in_a_url_are_told(bucket: Any, store: Store) -> None:
    """A prefix without logs says so; a URL with keys is refused and not repeated."""
    bucket.put_object(Key="notes.txt", Body=b"-")
    assert "has no logs" in analyze(store, f"s3://{bucket.name}").notes[f"s3://{bucket.name}"]
    assert list(analyze(store, "s3://key:hunter2@b/x").notes) == ["s3://…"]


def test_the_missing_extra_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the libraries the message says what to install."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    monkeypatch.setitem(sys.modules, "fsspec.exceptions", None)
    (note,) = analyze(store, "https://example.com/a.jsonl").notes.values()
    assert note.endswith("pip install 'tachlog[remote]'")


def test_one_name_with_two_addresses_is_told(web: WebServer, store: Store) -> None:
    """URLs that differ in what is left out of the name cannot be told apart in the archive."""
    web.files["/a.jsonl"] = lines("s", 1)
    read = analyze(store, f"{web.url}/a.jsonl?v=1", f"{web.url}/a.jsonl?v=2")
    assert read.notes == {f"{web.url}/a.jsonl": "is named twice, with other options: name it once"}
    assert read.records == 4


def test_secrets_are_neither_shown_nor_kept(tachlog: Run, web: WebServer, home: Path) -> None:
    """User, password and query of a URL stay out of every answer and of the archive."""
    web.files["/a.jsonl"] = lines("s", 1)
    address = web.url.replace("http://", "http://ana:hunter2@") + "/a.jsonl?sig=c1sig"
    ran = tachlog("analyze", "--json", address, address.replace("a.jsonl", "b.jsonl"), check=False)
    shown = tachlog("doctor", "--all").stdout + tachlog("formats", "--try", address).stdout
    assert ran.code == 1
    assert f"{web.url}/b.jsonl: is not there" in ran.stderr
    assert json.loads(ran.stdout)["totals"]["sessions"] == 1
    assert f"{web.url}/a.jsonl" in shown
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    for secret in SECRETS:
        assert secret not in ran.stdout + ran.stderr + shown
        assert secret.encode() not in kept
