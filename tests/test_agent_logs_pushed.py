"""AgentLog records that programs push, and the client that does it for them."""

import gzip
import json
import logging
import socket
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from serving import SECONDS, Served, serving
from tachlog.client import Client, Handler

NDJSON = {"Content-Type": "application/x-ndjson"}
_numbers = count(1)


def row(session: str, number: int, **more: Any) -> bytes:
    """A model call as a line."""
    record = {
        "id": f"{session}-{number}",
        "session_id": session,
        "provider": "openai",
        "model": "gpt-5",
        "log_timestamp": f"2026-11-20T10:{number % 60:02d}:00Z",
        "structured_data": {"usage": {"input_tokens": 10, "output_tokens": 1}},
        "response_time": 100,
    }
    return json.dumps({**record, **more}).encode() + b"\n"


def new_session() -> str:
    """An id that no other test uses."""
    return f"rows-{next(_numbers)}"


def calls_of(served: Served, session: str) -> int:
    """How many model calls the archive tells of a session."""
    found = served.ask(f"/api/v1/sessions/{session}")
    assert found.status == 200, found.body
    return int(found.json["session"]["model_calls"])


def test_good_records_are_kept_and_others_told_by_line(served: Served) -> None:
    """A fault costs its own record, which is named by its line; what is sent again adds nothing."""
    session = new_session()
    lines = [row(session, 1), b"{broken\n", row(session, 2), b'{"id": "x"}\n', row(session, 3)]
    for _ in range(2):
        sent = served.ask("/api/v1/agent-logs", "POST", b"".join(lines).rstrip(), NDJSON)
        assert sent.status == 200
        assert (sent.json["kept"], sent.json["failed"], sent.json["lines"]) == (3, 2, 5)
        assert [error["line"] for error in sent.json["errors"]] == [2, 4]
        assert sent.json["errors"][1]["kind"] == "no_session"
    assert calls_of(served, session) == 3


def test_a_long_body_is_taken_in_pieces(served: Served) -> None:
    """Megabytes are kept piece by piece, packed or not; lines are counted over all of it."""
    session = new_session()
    filler = "x" * 60_000
    pieces = [row(session, number, note=filler) for number in range(50)]
    pieces.insert(40, b"nonsense\n")
    packed = gzip.compress(b"".join(pieces), 1, mtime=0)
    headers = {**NDJSON, "Content-Encoding": "gzip"}
    sent = served.ask("/api/v1/agent-logs", "POST", packed, headers).json
    assert (sent["kept"], sent["failed"], sent["lines"]) == (50, 1, 51)
    assert sent["errors"][0]["line"] == 41
    assert calls_of(served, session) == 50


def test_a_line_beyond_all_measure_is_left_out(served: Served) -> None:
    """A line that is longer than a body may be is told; the lines around it are kept."""
    session = new_session()
    body = row(session, 1) + b'{"x": "' + b"y" * (23 << 20) + b'"}\n' + row(session, 2)
    sent = served.ask("/api/v1/agent-logs", "POST", body, NDJSON).json
    assert [(error["line"], error["kind"]) for error in sent["errors"]] == [(2, "too_long")]
    assert sent["lines"] == 3
    assert calls_of(served, session) == 2


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"nonsense", NDJSON, 400),
        (b"nonsense", {**NDJSON, "Content-Encoding": "gzip"}, 400),
        (gzip.compress(b"{}", mtime=0)[:-8], {**NDJSON, "Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Type": "text/csv"}, 415),
        (b"", NDJSON, 200),
    ],
)
def test_bodies_of_another_kind_are_refused(
    served: Served, body: bytes, headers: dict[str, str], status: int
) -> None:
    """What is no NDJSON, not packed as it says, or cut off gets a 4xx."""
    assert served.ask("/api/v1/agent-logs", "POST", body, headers).status == status


def test_the_client_sends_records_of_a_program(served: Served, tmp_path: Path) -> None:
    """Records and log records that carry one arrive, whatever values stand in them."""
    session = new_session()
    with_client = Client(f"http://127.0.0.1:{served.port}", spool=tmp_path)
    logger = logging.getLogger(session)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(Handler(with_client))
    with_client.log(json.loads(row(session, 1)), path=Path("/odd/value"))
    logger.info("replied", extra={"agent_log": json.loads(row(session, 2))})
    logger.info(json.loads(row(session, 3)))
    logger.info("not a record")
    assert with_client.flush(SECONDS)
    assert calls_of(served, session) == 3
    assert with_client.dropped == 0
    logger.handlers[0].close()


def test_the_client_waits_for_a_server_that_is_away(home: Path, tmp_path: Path) -> None:
    """Records stay in files while the server is away, beyond the end of the program too."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    away = Client(f"http://127.0.0.1:{port}", spool=tmp_path, every_s=0.01)
    away.log(json.loads(row("away", 1)))
    assert not away.flush(SECONDS)
    away.log(json.loads(row("away", 2)))
    away.close()
    assert len(list(tmp_path.glob("*.ndjson"))) == 2
    with serving(home) as own:
        back = Client(f"http://127.0.0.1:{own.port}", spool=tmp_path, every_s=0.01)
        back.log(json.loads(row("away", 3)))
        assert back.flush(SECONDS)
        back.close()
        assert not list(tmp_path.iterdir())
        assert calls_of(own, "away") == 3


def test_the_client_never_fills_the_disk(tmp_path: Path) -> None:
    """The oldest go when the spool is full, and are counted; so is what is no JSON."""
    client = Client("http://127.0.0.1:9", spool=tmp_path, spool_bytes=700, every_s=0.01)
    loop: list[Any] = []
    loop.append(loop)
    client.log(session_id="s", structured_data=loop)
    assert client.dropped == 1
    for number in range(5):
        client.log(json.loads(row("full", number)))
        client.flush(SECONDS)
    client.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 700
    kept = sum(path.read_bytes().count(b"\n") for path in tmp_path.iterdir())
    assert client.dropped == 1 + 5 - kept


def test_the_client_gives_up_what_is_refused_for_good(served: Served, tmp_path: Path) -> None:
    """A batch that no server will take is dropped and counted; a wrong token is waited for."""
    url = f"http://127.0.0.1:{served.port}"
    lost = Client(f"{url}/nowhere", token=served.token, spool=tmp_path / "lost", every_s=0.01)
    lost.log(session_id="lost")
    assert lost.flush(SECONDS)
    lost.close()
    assert lost.dropped == 1
    lost.log(session_id="late")
    assert lost.dropped == 2
    waits = Client(url, token="wrong", spool=tmp_path / "waits", every_s=0.01)
    waits.log(json.loads(row(new_session(), 1)))
    assert not waits.flush(SECONDS)
    waits.close()
    assert waits.dropped == 0
    assert len(list((tmp_path / "waits").iterdir())) == 1
    nowhere = tmp_path / "file"
    nowhere.write_text("in the way")
    full = Client("http://127.0.0.1:9", spool=nowhere, every_s=0.01)
    full.log(session_id="s")
    full.close()
    assert full.dropped == 1
    assert Client("http://127.0.0.1:9").flush()
