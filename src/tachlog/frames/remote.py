"""Files on S3-compatible storage and on web servers, read in parts through fsspec."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from tempfile import NamedTemporaryFile, TemporaryFile
from typing import Any, Final
from urllib.parse import urlsplit

from tachlog.frames.faults import FrameError
from tachlog.frames.status import Status
from tachlog.model import digest_of

INSTALL: Final = "install what reads it: pip install 'tachlog[remote]'"

LEAST_BYTES: Final = 64 << 10
MOST_BYTES: Final = 8 << 20
"""What one request asks for at first, and at most when a file is read on and on."""

ATTEMPTS: Final = 2
CONNECT_SECONDS: Final = 10
READ_SECONDS: Final = 30
"""How long a server may take to be reached, and to send the next bytes."""

TIMEOUTS: Final = {"TimeoutError", "ConnectTimeoutError", "ReadTimeoutError", "FSTimeoutError"}

_addresses: dict[str, str] = {}
_known: dict[str, Status] = {}


def locate(addresses: Mapping[str, str]) -> None:
    """Say where files are whose names leave out user, password and options of their URL."""
    _addresses.update(addresses)


def located(url: str) -> str:
    """What a file on a server is called: its URL without user, password, query and fragment.

    Raises FrameError for keys in the URL of a bucket.
    """
    parts = urlsplit(url)
    if parts.scheme == "s3":
        if "@" in parts.netloc:
            what = "holds more than a bucket and a prefix"
            raise FrameError("s3://…", what, "put keys into AWS_ACCESS_KEY_ID or a profile")
        return url
    name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    _addresses[name] = url
    return name


def find_remote(url: str, is_log: Callable[[str], bool]) -> dict[str, Status]:
    """The files at a URL by name: the object itself, or what is called like a log below a prefix.

    A web server lists nothing: its URLs are those of files. Raises FrameError when nothing is
    there, or the server refuses.
    """
    name = located(url)
    with plainly(name):
        if not name.startswith("s3://"):
            return {name: status_now(name)}
        place = name.removeprefix("s3://").rstrip("/")
        listed = _system(name).find(place, detail=True)
        found = {
            f"s3://{path}": _status(info)
            for path, info in sorted(listed.items())
            if path == place or is_log(path[len(place) + 1 :])
        }
    if not found:
        raise FrameError(name, "has no logs", "check bucket and prefix")
    _known.update(found)
    return found


def status_now(name: str) -> Status:
    """What the server says of a file now; raises FrameError."""
    with plainly(name):
        _known[name] = _ask(name)
    return _known[name]


def _ask(name: str) -> Status:
    return _status(_system(name).info(_address(name)))


def _status(info: Mapping[str, Any]) -> Status:
    if info.get("type") == "directory":
        raise FileNotFoundError
    if info.get("size") is None:
        raise _NoSize
    marks = (info.get("ETag"), info.get("LastModified") or info.get("Last-Modified"))
    return Status(int(info["size"]), digest_of(repr([str(mark) for mark in marks]).encode()))


def _address(name: str) -> str:
    return _addresses.get(name, name)


class _NoSize(Exception):
    """A server does not say how long a file is."""


class RemoteFile(io.RawIOBase):
    """A file on a server, as long as it was when it was last asked for; raises FrameError.

    What is read on and on comes in growing requests; where one moves to, a small one begins.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.status = _known.get(name) or status_now(name)
        self._place = 0
        self._held = b""
        self._start = 0
        self._ask_bytes = LEAST_BYTES
        self._part: Callable[[int, int], bytes] | None = None
        self._copy: Any = None

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place where the next byte is read."""
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a place."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.status.size}[whence]
        self._place = max(0, start + offset)
        return self._place

    def read(self, size: int = -1) -> bytes:
        """So many bytes from here, all where none are named; fewer only at the end."""
        left = max(0, self.status.size - self._place)
        size = left if size < 0 else min(size, left)
        parts: list[bytes] = []
        while size:
            at = self._place - self._start
            if not 0 <= at < len(self._held):
                self._fetch(size)
                at = 0
            parts.append(self._held[at : at + size])
            self._place += len(parts[-1])
            size -= len(parts[-1])
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer; how many bytes."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let go of it."""
        if self._copy is not None:
            self._copy.close()
        super().close()

    def _fetch(self, size: int) -> None:
        goes_on = self._held and self._place == self._start + len(self._held)
        self._ask_bytes = min(MOST_BYTES, self._ask_bytes * 2) if goes_on else LEAST_BYTES
        end = min(self.status.size, self._place + min(MOST_BYTES, max(size, self._ask_bytes)))
        with plainly(self.name):
            self._part = self._part or _parts(self.name, self.status.size)
            try:
                data = self._part(self._place, end)
            except ValueError:  # what fsspec raises for a server that gives whole files only
                data = self._copied(self._place, end)
        if not data:
            raise FrameError(self.name, "is shorter than its server said", "try again")
        self._held, self._start = data, self._place

    def _copied(self, start: int, end: int) -> bytes:
        if self._copy is None:
            self._copy = TemporaryFile()  # noqa: SIM115 - closed with this file
            _system(self.name).get_file(_address(self.name), self._copy)
        self._copy.seek(start)
        data: bytes = self._copy.read(end - start)
        return data


def _parts(name: str, size: int) -> Callable[[int, int], bytes]:
    """What gives the bytes of a file from one place to another, one request each."""
    system, address = _system(name), _address(name)
    if name.startswith("s3://"):
        return lambda start, end: system.cat_file(address, start=start, end=end)
    file = system.open(address, "rb", cache_type="none", size=size)

    def part(start: int, end: int) -> bytes:
        file.seek(start)
        data: bytes = file.read(end - start)
        return data

    return part


@contextmanager
def local_copy(name: str) -> Iterator[str]:
    """A temporary file with the content of one on a server; raises FrameError."""
    with NamedTemporaryFile(prefix="tachlog-") as file:
        with plainly(name):
            _system(name).get_file(_address(name), file.name)
        yield file.name


def beside_remote(pattern: str) -> list[str]:
    """The objects of a bucket that match a pattern; web servers list nothing."""
    pattern = re.sub(r"^s3:/+", "s3://", pattern)
    if not pattern.startswith("s3://"):
        return []
    with plainly(pattern):
        return sorted(f"s3://{path}" for path in _system(pattern).glob(pattern))


@cache
def _opened(scheme: str) -> Any:
    import fsspec

    if scheme == "s3":
        retries = {"max_attempts": ATTEMPTS, "mode": "standard"}
        system = fsspec.filesystem(
            "s3",
            skip_instance_cache=True,
            use_listings_cache=False,
            config_kwargs={
                "retries": retries,
                "connect_timeout": CONNECT_SECONDS,
                "read_timeout": READ_SECONDS,
            },
        )
        system.retries = ATTEMPTS
        return system
    import aiohttp

    return fsspec.filesystem(
        scheme,
        skip_instance_cache=True,
        use_listings_cache=False,
        headers={"Accept-Encoding": "identity"},
        client_kwargs={
            "auto_decompress": False,
            "trust_env": True,
            "timeout": aiohttp.ClientTimeout(
                total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS
            ),
        },
    )


def _system(name: str) -> Any:
    """The file system of fsspec for a name."""
    return _opened(name.partition(":")[0])


@contextmanager
def plainly(name: str) -> Iterator[None]:
    """Turn what the libraries raise into FrameErrors, whose words hold no secrets."""
    try:
        import aiohttp
        from botocore.exceptions import BotoCoreError, ClientError
        from fsspec.exceptions import FSTimeoutError
    except ImportError:
        raise FrameError(name, "cannot be read yet", INSTALL) from None
    faults = (OSError, ValueError, _NoSize, FSTimeoutError, TimeoutError)
    try:
        yield
    except (*faults, aiohttp.ClientError, BotoCoreError, ClientError) as error:
        what, todo = _told(list(_causes(error)))
        raise FrameError(name, what, todo) from None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _told(causes: list[BaseException]) -> tuple[str, str]:
    """What is wrong and what to do; never a message of a library: it may hold the whole URL."""
    names = {kind.__name__ for error in causes for kind in type(error).__mro__}
    status = next((code for error in causes if (code := _http_status(error))), None)
    if status in (401, 403) or "PermissionError" in names:
        what = f"may not be read (its server says {status or 403})"
        return what, "check your credentials and your rights"
    if names & {"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"}:
        return (
            "needs credentials",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
        )
    if names & TIMEOUTS:
        return "did not come in time", "try again, or check that its server runs"
    if names & {"gaierror", "ClientConnectorDNSError"}:
        return "is on a server that nobody knows", "check its name"
    if names & {"ClientSSLError", "SSLError"}:
        return (
            "is on a server whose certificate cannot be trusted",
            "check its name and its certificate",
        )
    if names & {"ClientConnectionError", "EndpointConnectionError", "ConnectionError"}:
        return "is on a server that cannot be reached", "check its name, and that it runs"
    if status not in (None, 404, 410):
        return f"cannot be had (its server says {status})", "try again later"
    if status or "FileNotFoundError" in names:
        return "is not there", "check the name; it may have been moved or deleted"
    if "_NoSize" in names:
        return "has a size that its server does not tell", "download it and name the copy"
    return f"cannot be read ({type(causes[-1]).__name__})", "check the URL, and try again"


def _http_status(error: BaseException) -> int | None:
    """The status of the answer that an error is about."""
    if (status := getattr(error, "status", None)) is not None:
        return int(status)
    response = getattr(error, "response", None)
    found = response.get("ResponseMetadata", {}) if isinstance(response, dict) else {}
    return found.get("HTTPStatusCode")
