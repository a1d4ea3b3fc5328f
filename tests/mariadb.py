"""A real MariaDB server, which speaks MySQL's protocol, with a database that is gone afterwards."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree, which
from tempfile import mkdtemp

import pymysql
import pytest

PATIENCE_S = 60.0
PLACES = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def connect(path: str, user: str = "root") -> pymysql.Connection:
    """A connection to a server on this socket."""
    return pymysql.connect(unix_socket=path, user=user, autocommit=True)


@contextmanager
def running() -> Iterator[str]:
    """The socket of a server that is started for it."""
    program, maker = which("mariadbd", path=PLACES), which("mariadb-install-db", path=PLACES)
    if program is None or maker is None:
        pytest.skip("no MariaDB here (Debian: mariadb-server)")
    folder = Path(mkdtemp(prefix="tachlog-mariadb-"))
    data, path = f"--datadir={folder}/data", f"{folder}/socket"
    user = "--user=root" if os.getuid() == 0 else f"--user={os.getuid()}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run(
        [maker, "--no-defaults", data, user, "--auth-root-authentication-method=normal"],
        check=True,
        **quiet,
    )
    options = ["--skip-networking", f"--socket={path}", "--innodb-flush-log-at-trx-commit=0"]
    with subprocess.Popen([program, "--no-defaults", data, user, *options], **quiet) as process:
        try:
            _wait(path, process)
            yield path
        finally:
            process.terminate()
            process.wait(PATIENCE_S)
            rmtree(folder, ignore_errors=True)


def _wait(path: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until it listens: a refused connection of the client would be left open."""
    until = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        with socket.socket(socket.AF_UNIX) as plug:
            if plug.connect_ex(path) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError("MariaDB did not start")
