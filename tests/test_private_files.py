"""What tachlog writes for its owner alone: archive, configuration, token, records that wait."""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tachlog.cli.serve import token_in
from tachlog.client import Client
from tachlog.config.writing import set_values
from tachlog.stores import open_store


@pytest.fixture(autouse=True)
def open_umask() -> Iterator[None]:
    """Let every new file be open to all, unless whoever makes it says otherwise."""
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    """Who may do what with a file."""
    return path.stat().st_mode & 0o777


def test_a_new_archive_is_its_owners_alone(tmp_path: Path) -> None:
    """The archive, and what SQLite keeps beside it, can be read by nobody else."""
    with closing(open_store(str(tmp_path / "tachlog.db"))):
        assert {path.name: mode(path) for path in tmp_path.iterdir()} == dict.fromkeys(
            ("tachlog.db", "tachlog.db-wal", "tachlog.db-shm"), 0o600
        )


def test_an_archive_keeps_the_mode_that_it_was_given(tmp_path: Path) -> None:
    """Whoever opens an archive to a group on purpose is not overruled."""
    path = tmp_path / "tachlog.db"
    open_store(str(path)).close()
    path.chmod(0o640)
    open_store(str(path)).close()
    assert mode(path) == 0o640


def test_a_new_configuration_is_its_owners_alone(tmp_path: Path) -> None:
    """It may hold the secrets of channels and databases."""
    path = tmp_path / "tachlog" / "config.toml"
    set_values(path, "budget", {"daily_usd": 60})
    assert mode(path) == 0o600


def test_a_new_token_is_its_owners_alone(tmp_path: Path) -> None:
    """Whoever has the token of the service reads everything."""
    assert token_in(tmp_path)
    assert [mode(path) for path in tmp_path.iterdir()] == [0o600]


def test_records_that_wait_are_their_owners_alone(tmp_path: Path) -> None:
    """They hold what was said, whoever made the directory of the spool."""
    client = Client("http://127.0.0.1:9", spool=tmp_path, every_s=0.01)
    client.log(session_id="s", content="said")
    assert not client.flush()
    client.close()
    assert {mode(path) for path in tmp_path.iterdir()} == {0o600}
