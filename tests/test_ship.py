"""`tachlog ship`: a team's archive comes to what one archive comes to that read everything."""

from __future__ import annotations

import getpass
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from threading import Event, Thread
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from receivers import Posted, Reply, answering
from screens import Desk
from serving import Served, clean, serving
from tachlog import analyze
from tachlog.config import Config
from tachlog.engines.work import measurer_of
from tachlog.metrics import SessionMetrics
from tachlog.pipeline import setup_of
from tachlog.posting import PostError, asked_pause_s
from tachlog.shipping import (
    Sender,
    decoded,
    deliver,
    encoded,
    keep,
    named,
    progress,
    send,
    shipments,
)
from tachlog.stores import open_store
from tachlog.stores.following import MirrorState


def ship(home: Path, archive: Path, to: str, *more: str) -> subprocess.Popen[str]:
    """Begin to ship an archive."""
    command = [sys.executable, "-m", "tachlog", "ship", "--to", to, "--db", str(archive), *more]
    environ = {**clean(), "HOME": str(home)}
    return subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@contextmanager
def between(to: Served, *, kept: Callable[[], None]) -> Iterator[str]:
    """The address of a relay to a service, which does something when a shipment was kept there.

    What the service answered comes back only then: the sender may be dead by that time, and if the
    service is, the sender hears nothing.
    """

    class Relay(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = to.ask(self.path, "POST", body, {"Content-Type": self.headers["Content-Type"]})
            assert answer.status == 200
            kept()
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Relay) as relay:
        Thread(target=relay.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{relay.server_address[1]}"
        relay.shutdown()


HINTS: dict[str, Any] = {
    "title": None,
    "cwd": None,
    "clusters": [],
    "branch": None,
    "pull_requests": [],
}
"""What does not leave a machine, of the figures of a thread."""


def figures(archive: Path) -> list[SessionMetrics]:
    """What each thread of an archive comes to, but for the hints."""
    store = open_store(str(archive))
    try:
        state = MirrorState("figures")
        found: list[SessionMetrics] = []
        while step := store.outgoing(state):
            last = step[-1]
            state = MirrorState("figures", last.changed, last.thread)
            found += [replace(each.metrics, **HINTS) for each in step]
        return sorted(found, key=lambda each: each.session_id)
    finally:
        store.close()


def test_a_team_has_what_its_machines_read(tmp_path: Path) -> None:
    """Copies count once; neither a killed sender nor a killed receiver loses or doubles any."""
    team = tmp_path / "team"
    team.mkdir()
    desk = Desk(tmp_path)
    desk.write()
    one, other, whole = (tmp_path / f"{name}.db" for name in ("one", "other", "whole"))
    for archive in (one, other, whole):
        analyze(desk.logs, archive=str(archive), jobs=1)
    with serving(team) as served:
        senders: list[subprocess.Popen[str]] = []
        begun = Event()

        def kill_the_sender() -> None:
            begun.wait(60)
            senders[0].kill()

        with between(served, kept=kill_the_sender) as to:
            senders.append(ship(tmp_path, one, to))
            begun.set()
            senders[0].communicate(timeout=60)
            assert senders[0].returncode == -signal.SIGKILL
        gone = Event()

        def kill_the_receiver() -> None:
            os.kill(served.process.pid, signal.SIGKILL)
            gone.set()

        with between(served, kept=kill_the_receiver) as to:
            second = ship(tmp_path, other, to)
            assert gone.wait(60)
            second.kill()
            second.communicate(timeout=60)
        served.process.wait(60)
    with serving(team) as served:
        to = f"http://127.0.0.1:{served.port}"
        for archive in (one, other):
            done = ship(tmp_path, archive, to)
            said, errors = done.communicate(timeout=60)
            assert done.returncode == 0, errors
        said, _ = ship(tmp_path, one, to, "--json").communicate(timeout=60)
        assert json.loads(said)["threads"] == 0
        assert (
            served.ask("/api/v1/ship", "POST", b"x", {"Content-Type": "text/plain"}).status == 415
        )
        sent = {"Content-Type": "application/msgpack"}
        assert served.ask("/api/v1/ship", "POST", b"x", sent).status == 400
        assert figures(served.archive) == figures(whole)


def test_a_receiver_that_lost_its_archive_gets_everything_again(tmp_path: Path) -> None:
    """It is asked first what it has; an older copy of its archive is told from the whole."""
    desk = Desk(tmp_path)
    desk.write()
    analyze(desk.logs, archive=str(tmp_path / "mine.db"), jobs=1)
    measure = measurer_of(setup_of(Config()))
    theirs = [tmp_path / "first.db"]

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with closing(open_store(str(theirs[-1]))) as store:
                taken = keep(store, decoded(body), measure, 1)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(msgspec.json.encode(taken))

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with (
        ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver,
        closing(open_store(str(tmp_path / "mine.db"))) as store,
    ):
        Thread(target=receiver.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_address[1]}/"
        sender = Sender(url, None, "h", "ana", "key", hints=False)
        open_store(str(theirs[-1])).close()
        copy = theirs[-1].read_bytes()
        threads = deliver(store, sender)
        assert threads > 0
        assert deliver(store, sender) == 0
        theirs[-1].write_bytes(copy)
        assert deliver(store, sender) == threads
        theirs.append(tmp_path / "second.db")
        assert deliver(store, sender) == threads
        assert deliver(store, sender) == 0
        receiver.shutdown()
    for archive in theirs:
        assert figures(archive) == figures(tmp_path / "mine.db")


def test_a_dry_run_shows_exactly_what_leaves(tmp_path: Path) -> None:
    """Every field by name, as it travels; titles, targets, excerpts, branches, paths stay."""
    desk = Desk(tmp_path)
    desk.write()
    archive = tmp_path / "one.db"
    analyze(desk.logs, archive=str(archive), jobs=1)
    with closing(open_store(str(archive))) as store:
        key = store.noted("ship_key")
        assert key is None
    shown, opened = (
        ship(tmp_path, archive, "http://localhost:9", "--dry-run", *more).communicate(timeout=60)[0]
        for more in ((), ("--hints",))
    )
    with closing(open_store(str(archive))) as store:
        key = store.noted("ship_key")
        assert key is not None
        sender = Sender("http://x", None, socket.gethostname(), getpass.getuser(), key, hints=False)
        sent = [
            decoded(encoded(each)) for each, _ in shipments(store, progress(store, sender), sender)
        ]
    told = [json.loads(line) for line in shown.splitlines()]
    assert [each["session"] for each in told] == [
        json.loads(msgspec.json.encode(named(session)))
        for each in sent
        for session in each.sessions
    ]
    assert {(each["version"], each["host"], each["user"]) for each in told} == {
        (each.version, each.host, each.user) for each in sent
    }
    (call, *_) = told[0]["session"]["calls"].values()
    assert (call["branch"], call["usage"]["input"]) == (None, 10)
    assert '"title.' in opened
    assert '"title.' not in shown
    for private in ('"main"', str(tmp_path), f'"user":"{getpass.getuser()}"'):
        assert private not in shown
    assert '"main"' in opened


def test_names_of_pull_requests_stay(tmp_path: Path) -> None:
    """That there is one is a fact, and told; which one is not."""
    logs = tmp_path / "logs"
    logs.mkdir()
    case = Path(__file__).parent / "corpus" / "claude_code" / "titles_and_links"
    (logs / "input.jsonl").write_bytes((case / "input.jsonl").read_bytes())
    with closing(open_store(str(tmp_path / "a.db"))) as store:
        analyze([str(logs)], archive=str(tmp_path / "a.db"), jobs=1)
        sender = Sender("http://x", None, "h", "ana", "key", hints=False)
        told = [named(each) for each, _ in shipments(store, progress(store, sender), sender)]
        opened = [
            each
            for each, _ in shipments(store, progress(store, sender), replace(sender, hints=True))
        ]
    assert "#77" not in repr(told)
    assert "'pull_request': {'hidden':" in repr(told)
    assert "#77" in repr(opened)


def test_what_a_receiver_answers_decides_what_comes_next() -> None:
    """Retry-After is waited, in seconds or until a date; what will never be taken is told."""
    hour = format_datetime(datetime.now(UTC) + timedelta(hours=1))
    pauses: list[float] = []
    seen: list[Posted] = []
    replies: list[Reply] = [
        (429, {"Retry-After": "7"}, b""),
        (503, {"Retry-After": hour}, b""),
        (200, {}, b'{"threads": 1, "archive": "x", "shipments": 4}'),
        (200, {}, b"<html>"),
        (403, {}, b"this needs the scope ingest"),
    ]
    with answering(replies, seen) as url:
        with pytest.raises(PostError, match="goes with the next run"):
            send(url, None, b"", clock=lambda: 0.0, sleep=pauses.append)
        assert pauses == [7.0]
        assert send(url, "secret", b"").shipments == 4
        with pytest.raises(PostError, match="is no tachlog that takes shipments"):
            send(url, None, b"")
        with pytest.raises(PostError, match="refuses: 403 this needs the scope ingest"):
            send(url, None, b"")
    tokens = [each.headers.get("authorization", "") for each in seen]
    assert tokens == ["", "", "Bearer secret", "", ""]
    assert asked_pause_s("soon", 0.0) == asked_pause_s(None, 0.0) == 0.0
    assert asked_pause_s("Thu, 01 Jan 1970 00:00:09 GMT", 4.0) == 5.0


class Balancer:
    """A round-robin of TCP connections to receivers, some of which break, as the dice say."""

    def __init__(self, receivers: list[Served], dice: Random) -> None:
        self.receivers = receivers
        self.dice = dice
        self.connections = 0
        self.kept = 0

    def handle(self, mine: socket.socket) -> None:
        """One connection: it goes through, or breaks before, within, or after the request."""
        receiver = self.receivers[self.connections % len(self.receivers)]
        self.connections += 1
        fate = self.dice.choice(["through", "through", "refused", "request cut", "answer lost"])
        with mine, suppress(OSError):
            if fate == "refused":
                return
            with socket.create_connection(("127.0.0.1", receiver.port), 30) as theirs:
                request = whole_message(mine)
                if fate == "request cut":
                    theirs.sendall(request[: len(request) // 2])
                    return
                theirs.sendall(request)
                answer = whole_message(theirs)
                self.kept += 1
                if fate == "through":
                    mine.sendall(answer)


def whole_message(connection: socket.socket) -> bytes:
    """One HTTP message with its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += some(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head.lower())
    length = int(found[1]) if found else 0
    while len(body) < length:
        body += some(connection)
    return head + b"\r\n\r\n" + body


def some(connection: socket.socket) -> bytes:
    """What came next; an error when nothing comes any more."""
    data = connection.recv(65536)
    if not data:
        raise ConnectionResetError
    return data


class Stopped(Exception):
    """The sender was ended between two attempts."""


def test_receivers_behind_a_balancer_share_a_database(tmp_path: Path, postgresql_url: str) -> None:
    """Connections break anywhere, a receiver dies, senders begin anew: all counts, once."""
    desk = Desk(tmp_path)
    desk.write()
    machines = [tmp_path / f"machine{n}.db" for n in range(2)]
    for archive in machines:
        analyze(desk.logs, archive=str(archive), jobs=1)
    dice = Random(20261123)
    off = {"TACHLOG_SERVE__FOLLOW": "false"}
    places = [tmp_path / f"receiver{n}" for n in range(2)]
    for place in places:
        place.mkdir()

    def pause(_: float) -> None:
        if dice.random() < 0.3:
            raise Stopped

    with (
        serving(places[0], "--db", postgresql_url, env=off) as first,
        serving(places[1], "--db", postgresql_url, env=off) as second,
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        balancer = Balancer([first, second], dice)

        def balance() -> None:
            with suppress(OSError):
                while True:
                    balancer.handle(listening.accept()[0])

        Thread(target=balance, daemon=True).start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/api/v1/ship"
        runs = 0
        for number, archive in enumerate(machines * 3):
            if number == 3:
                os.kill(first.process.pid, signal.SIGKILL)
            sender = Sender(url, None, f"machine{number % 2}", "ana", "key", hints=False)
            if number >= 2:
                with closing(open_store(str(archive))) as store:
                    store.keep_mirror(MirrorState(progress(store, sender).name))
            is_over = False
            while not is_over:
                runs += 1
                with suppress(Stopped), closing(open_store(str(archive))) as store:
                    deliver(store, sender, pause)
                    is_over = True
        assert runs > 6
        assert balancer.connections > balancer.kept > 6
        with closing(open_store(postgresql_url)) as team:
            found = [each.metrics for each in team.outgoing(MirrorState("all"))]
        told = sorted((replace(each, **HINTS) for each in found), key=lambda e: e.session_id)
        assert told == figures(machines[0])


def test_who_is_away_is_waited_for_only_so_long() -> None:
    """Pauses grow up to a bound; then it is told that the next run goes on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        now_s = [0.0]

        def sleep(seconds: float) -> None:
            now_s[0] += seconds

        with pytest.raises(PostError, match="goes with the next run"):
            send(f"http://127.0.0.1:{port}/", None, b"", clock=lambda: now_s[0], sleep=sleep)
        assert 20 < now_s[0] <= 60
