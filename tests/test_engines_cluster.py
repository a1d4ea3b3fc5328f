"""Reading on a cluster gives what reading here gives, also when workers die."""

from __future__ import annotations

from pathlib import Path

import pytest

from archives import archive_of_all, contents
from tachlog.config import Config
from tachlog.demo import write_demo
from tachlog.engines import EngineError
from tachlog.engines.choice import engine_of
from tachlog.pipeline import bring_up_to_date
from tachlog.stores import open_store


def test_every_engine_gives_the_same_archive(tmp_path: Path) -> None:
    """Serial, processes and a cluster of processes end in the same rows."""
    write_demo(tmp_path, size_bytes=14_000_000)
    alone = archive_of_all(tmp_path)
    for name in ("serial", "processes", "dask"):
        store = open_store("private:")
        bring_up_to_date(store, [str(tmp_path)], Config(), engine=engine_of(name, 2))
        assert contents(store) == alone, name
        store.close()


def test_a_name_that_is_no_engine_is_refused() -> None:
    """Other names, and a cluster without a port, are told apart from engines."""
    for name in ("spark", "dask://", "dask://host", "daskk"):
        with pytest.raises(EngineError, match="no engine"):
            engine_of(name)
