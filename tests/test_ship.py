"""`tachlog ship`: a team's archive comes to what one archive comes to that read everything."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
from msgspec.structs import replace

from screens import Desk
from serving import Served, clean, serving
from tachlog import analyze
from tachlog.metrics import SessionMetrics
from tachlog.shipping import ShipError, send
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


def figures(archive: Path) -> list[SessionMetrics]:
    """What each thread of an archive comes to, but for the hints."""
    store = open_store(str(archive))
    try:
        state = MirrorState("figures")
        found: list[SessionMetrics] = []
        while step := store.outgoing(state):
            last = step[-1]
            state = MirrorState("figures", last.changed, last.thread)
            found += [replace(each.metrics, title=None, cwd=None, clusters=[]) for each in step]
        return sorted(found, key=lambda each: each.session_id)
    finally:
        store.close()


def test_a_team_has_what_its_machines_read(tmp_path: Path) -> None:
    """Copies count once, and neither a killed sender nor a killed receiver loses or doubles any."""
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


def test_a_dry_run_shows_facts_alone(tmp_path: Path) -> None:
    """Titles, targets, excerpts and directories stay; with `--hints` they would leave."""
    desk = Desk(tmp_path)
    desk.write()
    archive = tmp_path / "one.db"
    analyze(desk.logs, archive=str(archive), jobs=1)
    shown, opened = (
        ship(tmp_path, archive, "http://localhost:9", "--dry-run", *more).communicate(timeout=60)[0]
        for more in ((), ("--hints",))
    )
    assert len(shown.splitlines()) == len(opened.splitlines()) > 2
    assert '"title.' in opened
    assert '"title.' not in shown
    assert json.loads(shown.splitlines()[0])["user"].startswith("u-")
    assert str(tmp_path) not in shown


def test_who_is_away_is_waited_for_only_so_long() -> None:
    """Pauses grow up to a bound; then it is told that the next run goes on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        now_s = [0.0]

        def sleep(seconds: float) -> None:
            now_s[0] += seconds

        with pytest.raises(ShipError, match="goes with the next run"):
            send(f"http://127.0.0.1:{port}/", None, b"", clock=lambda: now_s[0], sleep=sleep)
        assert 20 < now_s[0] <= 60
