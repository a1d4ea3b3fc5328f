"""No test sees this machine: its agent logs, settings, time zone, terminal."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

FOREIGN = {
    "CLAUDE_CONFIG_DIR": "/foreign/claude",
    "COLUMNS": "40",
    "NO_COLOR": "1",
    "TACHLOG_DB": "/foreign/tachlog.db",
    "TZ": "Asia/Tokyo",
    "XDG_DATA_HOME": "/foreign/data",
}


@pytest.fixture(scope="module", autouse=True)
def machine() -> Iterator[None]:
    """Set the machine up badly before the first test of this module gets its home."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in FOREIGN.items():
            environment.setenv(name, value)
        time.tzset()
        yield
    time.tzset()


def test_the_home_is_empty(home: Path) -> None:
    """A test's home directory is its own and has nothing in it."""
    assert Path.home() == home
    assert list(home.iterdir()) == []


def test_the_settings_of_the_machine_are_gone() -> None:
    """What the machine sets for agents, for tachlog or for the terminal does not reach a test."""
    assert not FOREIGN.keys() - {"TZ"} & os.environ.keys()


def test_the_zone_is_utc() -> None:
    """Local time is UTC in a test."""
    assert time.localtime(0).tm_gmtoff == 0
