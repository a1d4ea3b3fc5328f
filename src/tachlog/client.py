"""Send AgentLog records to a running tachlog from any program, which never notices.

Standard library only. Records wait in memory and are sent in batches by a thread; while the server
is away they are kept in files and sent when it is back. Nothing here raises into the program,
waits for the network or prints: what could not be sent is counted in `Client.dropped`.

    from tachlog.client import Client
    client = Client("http://localhost:8377")
    client.log(session_id="42", model="gpt-5", structured_data={"usage": {"input_tokens": 12}})

or through `logging`, for records that carry a mapping:

    logging.getLogger("agent").addHandler(Handler(client))
    logging.getLogger("agent").info("replied", extra={"agent_log": {"session_id": "42"}})
"""

from __future__ import annotations

import atexit
import gzip
import json
import logging
import os
import threading
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from time import monotonic, time_ns
from typing import Any, Final
from uuid import uuid4

PATH: Final = "/api/v1/agent-logs"
BATCH_RECORDS: Final = 1000
BATCH_BYTES: Final = 1 << 20
MOST_WAITING: Final = 20_000
"""Records in memory; what comes beyond them is dropped and counted."""

TIMEOUT_S: Final = 10.0
LONGEST_PAUSE_S: Final = 60.0
FOREVER: Final = frozenset((400, 404, 405, 413, 415))
"""Answers to a batch that will not be another one the next time."""


class _Straight(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none: another place would get the token, and its answer would count."""


@cache
def straight() -> urllib.request.OpenerDirector:
    """What asks the address that was named, and no other that this points to."""
    return urllib.request.build_opener(_Straight)


class Client:
    """A way to one tachlog.

    `token` is one with the scope `ingest`, where the server wants one. `spool` is a directory for
    what waits while the server is away (default: below the user's cache directory), which takes up
    to `spool_bytes`; then the oldest is dropped. `every_s` is how long records wait for others.
    """

    def __init__(
        self,
        url: str = "http://localhost:8377",
        *,
        token: str | None = None,
        spool: str | os.PathLike[str] | None = None,
        spool_bytes: int = 64 << 20,
        every_s: float = 1.0,
    ) -> None:
        self.url = url.rstrip("/") + PATH
        self.token = token
        self.spool = Path(spool) if spool is not None else _usual_spool(self.url)
        self.spool_bytes = spool_bytes
        self.every_s = every_s
        self.dropped = 0
        """Records that were lost: too many at once, no JSON, or refused for good."""
        self._waiting: deque[bytes] = deque()
        self._wake = threading.Event()
        self._idle = threading.Event()
        self._idle.set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closing = False
        self._pause_s = 0.0
        self._again_at = 0.0
        atexit.register(self.close, 1.0)

    def log(self, record: Mapping[str, Any] | None = None, /, **fields: Any) -> None:
        """Send a record, soon; `id` and `log_timestamp` are added where they are missing.

        With its id a record counts once, however often it is sent.
        """
        try:
            told = {
                "id": str(uuid4()),
                "log_timestamp": datetime.now(UTC).isoformat(),
                **(record or {}),
                **fields,
            }
            line = json.dumps(told, default=str, skipkeys=True).encode() + b"\n"
        except (TypeError, ValueError, RecursionError):
            self.dropped += 1
            return
        if len(self._waiting) >= MOST_WAITING or self._closing:
            self.dropped += 1
            return
        self._idle.clear()
        self._waiting.append(line)
        if self._thread is None or not self._thread.is_alive():
            self._start()
        if len(self._waiting) >= BATCH_RECORDS:
            self._wake.set()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Send what waits now; whether nothing waits any more, neither here nor in the spool."""
        if self._thread is None:
            return not any(self._spooled())
        self._again_at = 0.0
        self._wake.set()
        until = monotonic() + timeout_s
        while self._idle.wait(max(0.0, until - monotonic())):
            if not self._waiting:
                return not any(self._spooled())
        return False

    def close(self, timeout_s: float = 5.0) -> None:
        """Send or spool what waits, and end."""
        self._closing = True
        self._wake.set()
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join(timeout_s)
        if self._waiting:
            self._keep(self._batch())
        atexit.unregister(self.close)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():  # also after a fork
                self._thread = threading.Thread(
                    target=self._run, name="tachlog-client", daemon=True
                )
                with suppress(RuntimeError):  # the interpreter is ending
                    self._thread.start()

    def _run(self) -> None:
        while True:
            self._wake.wait(self.every_s)
            self._wake.clear()
            while self._waiting:
                batch = self._batch()
                if self._is_away() or not self._send(batch):
                    self._keep(batch)
            if not self._is_away():
                self._send_spooled()
            self._idle.set()
            if self._waiting:
                self._idle.clear()
            elif self._closing:
                return

    def _batch(self) -> bytes:
        lines: list[bytes] = []
        size = 0
        while self._waiting and len(lines) < BATCH_RECORDS and size < BATCH_BYTES:
            lines.append(self._waiting.popleft())
            size += len(lines[-1])
        return b"".join(lines)

    def _is_away(self) -> bool:
        return monotonic() < self._again_at

    def _send(self, batch: bytes) -> bool:
        """Whether a batch needs not be sent again: it is kept, or will never be."""
        headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        try:
            request = urllib.request.Request(self.url, gzip.compress(batch, 1), headers)
            with straight().open(request, timeout=TIMEOUT_S) as answer:
                self.dropped += int(json.load(answer).get("failed", 0))
        except urllib.error.HTTPError as error:
            with error:
                if error.code in FOREVER:
                    self.dropped += batch.count(b"\n")
                    return True
            self._rest()
            return False
        except (OSError, ValueError):
            self._rest()
            return False
        self._pause_s = 0.0
        return True

    def _rest(self) -> None:
        self._pause_s = min(max(1.0, 2 * self._pause_s), LONGEST_PAUSE_S)
        self._again_at = monotonic() + self._pause_s

    def _spooled(self) -> Iterator[Path]:
        """Files that wait, the oldest first."""
        with suppress(OSError):
            yield from sorted(self.spool.glob("*.ndjson"))

    def _keep(self, batch: bytes) -> None:
        """Keep a batch in the spool; the oldest go where there is no room."""
        try:
            self.spool.mkdir(parents=True, exist_ok=True, mode=0o700)
            sizes = [(path, path.stat().st_size) for path in self._spooled()]
            taken = sum(size for _, size in sizes)
            for path, size in sizes:
                if taken + len(batch) <= self.spool_bytes:
                    break
                self.dropped += path.read_bytes().count(b"\n")
                path.unlink()
                taken -= size
            name = f"{time_ns():020d}-{os.getpid()}-{uuid4().hex[:8]}"
            part = self.spool / f"{name}.part"
            with os.fdopen(
                os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
            ) as file:
                file.write(batch)
            part.rename(self.spool / f"{name}.ndjson")
        except OSError:
            self.dropped += batch.count(b"\n")

    def _send_spooled(self) -> None:
        for path in self._spooled():
            try:
                batch = path.read_bytes()
            except OSError:  # another process of the same user sent it
                continue
            if not self._send(batch):
                return
            with suppress(OSError):
                path.unlink()


class Handler(logging.Handler):
    """Sends log records that carry an AgentLog: a mapping as message, or as `extra` `agent_log`."""

    def __init__(self, client: Client, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.client = client

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record; others are none of its business."""
        told = getattr(record, "agent_log", record.msg)
        if isinstance(told, Mapping):
            at = datetime.fromtimestamp(record.created, UTC).isoformat()
            self.client.log({"log_timestamp": at, **told})

    def flush(self) -> None:
        """Nothing: a program that flushes its logs is not made to wait for a network."""

    def close(self) -> None:
        """Send or spool what waits."""
        self.client.close()
        super().close()


def _usual_spool(url: str) -> Path:
    """The spool of one server below the user's cache directory."""
    base = os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()
    name = "".join(mark if mark.isalnum() else "-" for mark in url.removesuffix(PATH))
    return Path(base, "tachlog", "spool", name[-100:])
