"""What is sent goes where it was told to, and nowhere else."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tachlog.client import Client
from tachlog.posting import PostError, post


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Take note of who asks."""
        self.server.asked.append(self.headers["Authorization"])  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")

    def do_POST(self) -> None:
        """Point to the other server."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted += 1  # type: ignore[attr-defined]
        self.send_response(302)
        self.send_header("Location", f"http://localhost:{self.server.server_port}/elsewhere")
        self.end_headers()


class _Server(ThreadingHTTPServer):
    asked: list[str]
    posted: int


@pytest.fixture
def pointing() -> Iterator[_Server]:
    """A server that points elsewhere, and notes who follows."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.asked, server.posted = [], 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_a_receiver_that_points_elsewhere_gets_no_token_there(pointing: _Server) -> None:
    """A redirect is told as what it is; the body does not count as taken."""
    url = f"http://127.0.0.1:{pointing.server_port}/"
    with pytest.raises(PostError, match="points to http://localhost:"):
        post(url, b"body", {"Authorization": "Bearer secret"})
    assert (pointing.asked, pointing.posted) == ([], 1)


def test_the_client_keeps_what_a_redirect_did_not_take(pointing: _Server, tmp_path: Path) -> None:
    """Records wait for a server that takes them; the token stays with the one that was named."""
    client = Client(
        f"http://127.0.0.1:{pointing.server_port}", token="secret", spool=tmp_path, every_s=0.01
    )
    client.log(session_id="s", model="m")
    client.close()
    assert pointing.posted
    assert (pointing.asked, client.dropped) == ([], 0)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file())
