"""Servers that tests read logs from, on this machine: a web server that gives parts of files."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Asked(NamedTuple):
    """A request: the bytes that it asked for, None for the whole file."""

    method: str
    path: str
    part: tuple[int, int] | None
    authorization: str | None


class WebServer:
    """Files by path, and what was asked for.

    A path that is in `answers` gives that status, one in `silent` nothing. `gives_parts` and
    `tells_size` are what good servers do.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, int] = {}
        self.silent: set[str] = set()
        self.gives_parts = True
        self.tells_size = True
        self.asked: list[Asked] = []
        self.over = threading.Event()

    def bytes_asked(self) -> int:
        """How many bytes of files were asked for in parts."""
        return sum(each.part[1] - each.part[0] + 1 for each in self.asked if each.part)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        """Answer without the content."""
        self._answer()

    def do_GET(self) -> None:
        """Answer with the content."""
        self._answer()

    def _answer(self) -> None:
        web = self.server.web
        path = self.path.partition("?")[0]
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        part = (int(found[1]), int(found[2])) if found else None
        web.asked.append(Asked(self.command, self.path, part, self.headers.get("Authorization")))
        if path in web.silent:
            web.over.wait()
            return
        status = web.answers.get(path, 200 if path in web.files else 404)
        data = web.files.get(path, b"") if status == 200 else b""
        self.send_response(206 if part and web.gives_parts and status == 200 else status)
        self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
        if part and web.gives_parts and status == 200:
            self.send_header("Content-Range", f"bytes {part[0]}-{part[1]}/{len(data)}")
            data = data[part[0] : part[1] + 1]
        if web.tells_size or part:
            self.send_header("Content-Length", str(len(data)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


class _Server(ThreadingHTTPServer):
    web: WebServer
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A reader that has enough hangs up."""


@contextmanager
def web_server() -> Iterator[WebServer]:
    """A web server that ends with the test."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.web = WebServer(server.server_port)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server.web
        finally:
            server.web.over.set()
            server.shutdown()
            thread.join()
