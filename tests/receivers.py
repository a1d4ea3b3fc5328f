"""Receivers that channels tell on this machine: a web server that takes what is posted."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Posted(NamedTuple):
    """A request with a body; names of headers are in small letters."""

    path: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """What was posted, in order; `status` is answered, nothing at all while it is `silent`."""

    def __init__(self, port: int) -> None:
        self.place = f"127.0.0.1:{port}"
        self.posted: list[Posted] = []
        self.status = 200
        self.silent = False
        self.over = threading.Event()


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Take a body."""
        receiver = self.server.receiver
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        receiver.posted.append(Posted(self.path, headers, body))
        if receiver.silent:
            receiver.over.wait()
            return
        self.send_response(receiver.status)
        self.send_header("Content-Length", "0")
        self.end_headers()


class _Server(ThreadingHTTPServer):
    receiver: Receiver
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A sender that has waited enough hangs up."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver that ends with the test."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.receiver = Receiver(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.receiver
        finally:
            server.receiver.over.set()
            server.shutdown()
            thread.join()


Reply = tuple[int, dict[str, str], bytes]
"""A status, headers, a body."""


@contextmanager
def answering(replies: list[Reply], seen: list[Posted]) -> Iterator[str]:
    """The address of a server that gives these answers in turn; `seen` gets what was posted."""

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take a body and give the next answer."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told = {name.lower(): value for name, value in self.headers.items()}
            seen.append(Posted(self.path, told, body))
            status, headers, answer = replies.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer)
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
