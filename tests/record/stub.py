"""A model that says what a script tells it to: the APIs of four vendors on a port of loopback.

Agents are run against it so that their logs can be held against figures that are known. It answers
Anthropic's messages, OpenAI's responses and chat completions and Gemini's content generation, each
streamed or plain, and keeps what OpenTelemetry exporters send to it. It needs no key, calls nobody
and ends with the script that started it.

A prompt begins with the name of its part of the script in brackets, `[shop] Look at the prices.`,
also where an agent puts it between tags; each request takes the next line of the part that its
latest such prompt names.
"""

from __future__ import annotations

import gzip
import json
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import dialects
from dialects import Answer, Fault, Silence

Line = Answer | Fault | Silence
Script = Mapping[str, Sequence[Line]]

_PART = re.compile(r'(?:\A|<\w+>)[\s"]*\[([a-z0-9 -]+)\]')
_SIGNALS = {"/v1/logs": "logs", "/v1/metrics": "metrics", "/v1/traces": "traces"}
_numbers = count(1)
_BEFORE_SILENCE_SECONDS = 1.0
_LONGEST_SILENCE_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """A request that was answered: which part of the script, the model asked for, the line said."""

    part: str
    model: str
    line: Line
    path: str


@dataclass
class Stub:
    """The server: its script, what it served, and what exporters sent, as text by signal.

    `asides` names, by a pattern, the parts for requests that an agent makes of its own: the latest
    text of the request, or its instructions, is searched for the pattern. Each answer takes
    `thinking_seconds`. `services` has the answers of other APIs that an agent cannot do without, by
    path with query.
    """

    script: Script
    asides: Mapping[str, str] = field(default_factory=dict)
    recalled: Mapping[str, str] = field(default_factory=dict)
    thinking_seconds: float = 0.03
    services: Mapping[str, Any] = field(default_factory=dict)
    served: list[Served] = field(default_factory=list)
    exported: dict[str, list[str]] = field(default_factory=dict)
    unanswered: list[str] = field(default_factory=list)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Stub:
        handler = type("Handler", (_Handler,), {"stub": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def next_line(self, asked: dialects.Asked, path: str) -> Line:
        """The line that answers a request, noted as served."""
        with self._lock:
            part = self._part(asked)
            lines = self.script.get(part, ())
            said = sum(served.part == part for served in self.served)
            line = lines[said] if said < len(lines) else dialects.NOTHING_MORE
            self.served.append(Served(part, asked.model, line, path))
            return line

    def told_again(self, line: Line, request: str) -> Line:
        """A line whose tools are asked for with what an earlier result said."""
        if not isinstance(line, Answer):
            return line
        told = {
            word: found[-1]
            for word, pattern in self.recalled.items()
            if (found := re.findall(pattern, request))
        }
        tools = tuple(replace(tool, arguments=_filled(tool.arguments, told)) for tool in line.tools)
        return replace(line, tools=tools)

    def _part(self, asked: dialects.Asked) -> str:
        latest = asked.texts[-1] if asked.texts else ""
        for pattern, part in self.asides.items():
            if re.search(pattern, latest) or re.search(pattern, asked.instructions):
                return part
        for text in reversed(asked.texts):
            if found := _PART.search(text):
                return found[1]
        return "aside"


def _filled(value: Any, told: Mapping[str, str]) -> Any:
    """A JSON value in which words stand for what is recalled."""
    if isinstance(value, str):
        return told.get(value, value)
    if isinstance(value, list):
        return [_filled(item, told) for item in value]
    if isinstance(value, dict):
        return {key: _filled(item, told) for key, item in value.items()}
    return value


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    stub: Stub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer that nothing is here: agents ask for settings and lists that they can do without.

        Lists of models are the exception.
        """
        if self.path.split("?")[0].endswith("/models"):
            self._send(200, json.dumps({"object": "list", "data": []}).encode())
            return
        self.stub.unanswered.append(f"GET {self.path}")
        self._send(404, b"{}")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """Answer a model request, or keep telemetry."""
        body = self._body()
        path = self.path.split("?")[0]
        if self.path in self.stub.services:
            self._send(200, json.dumps(self.stub.services[self.path]).encode())
            return
        if signal := _SIGNALS.get(path):
            text = json.dumps(json.loads(body), separators=(",", ":"), ensure_ascii=False)
            self.stub.exported.setdefault(signal, []).append(text)
            self._send(200, b"{}")
            return
        dialect = dialects.of(path)
        if dialect is None:
            self.stub.unanswered.append(f"POST {path}")
            self._send(404, b'{"error": {"message": "the stub does not know this path"}}')
            return
        request = json.loads(body)
        self.stub.requests.append((path, request))
        asked = dialect.asked(request, self.path)
        line = self.stub.told_again(self.stub.next_line(asked, path), body.decode())
        time.sleep(self.stub.thinking_seconds)
        if isinstance(line, Fault):
            headers = {"request-id": f"req_01stub{next(_numbers):08d}"}
            if line.retry_after is not None:
                headers["retry-after"] = str(line.retry_after)
            self._send(line.status, json.dumps(dialect.fault(line)).encode(), headers)
        elif not asked.stream and isinstance(line, Answer):
            self._send(200, json.dumps(dialect.whole(line, asked)).encode())
        else:
            self._stream(dialect.events(line, asked), silent=isinstance(line, Silence))

    def _stream(self, events: Iterator[str], *, silent: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.send_header("request-id", f"req_01stub{next(_numbers):08d}")
        self.end_headers()
        self.close_connection = True
        try:
            for event in events:
                self.wfile.write(event.encode())
                self.wfile.flush()
                time.sleep(0.002)
            if silent:
                time.sleep(_BEFORE_SILENCE_SECONDS)
                self.stub.silent.set()
                self.stub.ended.wait(_LONGEST_SILENCE_SECONDS)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body

    def _send(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing on the terminal."""
