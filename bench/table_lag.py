"""How soon rows of an SQL table are in the archive while `tachlog watch` follows it.

Prints one JSON object. `python bench/table_lag.py [--rates R …] [--seconds S]`: rows are committed
to a PostgreSQL server of its own, a hundred at a time, at each rate (rows a second). Lag is from
the commit until a reader of the archive, who looks ten times a second, counts the row.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from tachlog import __version__

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import postgresql

COMMAND = Path(sysconfig.get_path("scripts")) / "tachlog"
LOOK_S = 0.1
PATIENCE_S = 60
BATCH = 100
TABLE = """CREATE TABLE agent_logs (
    id BIGINT PRIMARY KEY, session_id TEXT, provider TEXT, model TEXT, log_timestamp TIMESTAMPTZ,
    created_at TIMESTAMPTZ, structured_data JSONB, response_time INTEGER)"""
ROW = "INSERT INTO agent_logs VALUES (%s, %s, 'openai', 'gpt-5', now(), now(), %s, 900)"
TOLD = json.dumps(
    {
        "role": "assistant",
        "payload": {"content": "I shall look at the next file and then run the tests. " * 8},
        "usage": {"input_tokens": 4_000, "output_tokens": 210},
    }
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", type=int, nargs="+", default=[1000])
    parser.add_argument("--seconds", type=float, default=30.0)
    given = parser.parse_args()
    with postgresql.running() as server:
        rates = [at_rate(server, rate, given.seconds) for rate in given.rates]
    found = {
        "question": "commit to visible while tachlog watch follows a table in PostgreSQL",
        "tachlog": __version__,
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "load_after": os.getloadavg()[0],
        "rates": rates,
    }
    print(json.dumps(found, indent=2))


def at_rate(server: str, rate: int, seconds: float) -> dict[str, Any]:
    """The lag at one rate of rows a second."""
    with tempfile.TemporaryDirectory() as scratch, postgresql.schema_in(server) as url:
        archive = Path(scratch, "archive.db")
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLE)
            connection.execute("CREATE INDEX ON agent_logs (created_at, id)")
            command = [COMMAND, "watch", f"{url}&table=agent_logs", "--json", "--db", archive]
            with subprocess.Popen(command, stdout=subprocess.DEVNULL) as watching:
                try:
                    lags = measured(connection, archive, rate, seconds)
                    watching.terminate()
                    watching.wait(PATIENCE_S)
                finally:
                    watching.kill()
    cuts = statistics.quantiles(lags, n=100)
    return {
        "rows_per_second": rate,
        "rows": len(lags),
        "p50_ms": round(cuts[49] * 1000),
        "p95_ms": round(cuts[94] * 1000),
        "p99_ms": round(cuts[98] * 1000),
        "greatest_ms": round(max(lags) * 1000),
    }


def measured(
    connection: psycopg.Connection, archive: Path, rate: int, seconds: float
) -> list[float]:
    """The lag of each row."""
    committed: list[float] = []
    lags: list[float] = []
    begun = looked = time.monotonic()
    while len(committed) < rate * seconds or len(lags) < len(committed):
        now = time.monotonic()
        if now > begun + seconds + PATIENCE_S:
            raise SystemExit(f"{len(committed) - len(lags)} rows were never seen")
        if len(committed) < min(now - begun, seconds) * rate:
            first = len(committed)
            with connection.cursor() as cursor, connection.transaction():
                rows = range(first, first + BATCH)
                cursor.executemany(ROW, [(row, f"session-{row % 50}", TOLD) for row in rows])
            committed += [time.monotonic()] * BATCH
        if now - looked >= LOOK_S:
            looked = now
            lags += [now - at for at in committed[len(lags) : counted(archive)]]
        time.sleep(0.005)
    return lags


def counted(archive: Path) -> int:
    """How many model calls the archive has."""
    if not archive.exists():
        return 0
    with closing(sqlite3.connect(f"{archive.as_uri()}?mode=ro", uri=True, timeout=1)) as reader:
        try:
            return int(reader.execute("SELECT count(*) FROM calls").fetchone()[0])
        except sqlite3.OperationalError:  # it is being made
            return 0


if __name__ == "__main__":
    main()
