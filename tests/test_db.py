"""`tachlog db`: what the archive itself is."""

from __future__ import annotations

import json
from pathlib import Path

from archives import assistant, at, jsonl, read_in, user
from conftest import Archives
from screens import Desk


def test_every_table_tells_its_rows_and_its_size(archives: Archives, tmp_path: Path) -> None:
    """Tables come with the largest first, and together take no more than the archive."""
    store = archives.new()
    log = [user("s1", "u1", at(0), "hello"), assistant("s1", "a1", at(0, 5), "m1")]
    read_in(store, [jsonl(tmp_path / "s1.jsonl", log)])
    tables = store.tables()
    rows = {each.table: each.rows for each in tables}
    assert (rows["calls"], rows["prompts"], rows["tool_calls"], rows["users"]) == (1, 1, 0, 1)
    sizes = [each.bytes or 0 for each in tables]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 < sum(sizes) <= store.size()
    assert [each.table for each in tables if each.table.startswith(("sqlite", "idx", "pg"))] == []


def test_the_command_shows_shares(tmp_path: Path) -> None:
    """Each table has a line with its share of all."""
    desk = Desk(tmp_path)
    desk.write()
    assert desk.run("analyze").code == 0
    lines = desk.run("db", "sizes").out.splitlines()
    assert lines[0].startswith("ARCHIVE · ")
    assert lines[2].split() == ["TABLE", "ROWS", "SIZE", "SHARE"]
    told = json.loads(desk.run("db", "sizes", "--json").out)
    assert [line.split()[0] for line in lines[3:]] == [each["table"] for each in told["tables"]]
    assert told["bytes"] >= sum(each["bytes"] for each in told["tables"])


def test_what_is_asked_for_must_be_known(tmp_path: Path) -> None:
    """Anything but what it can tell is a misuse that names what there is."""
    ran = Desk(tmp_path).run("db", "size")
    assert ran.code == 2
    assert "there is no 'size'; did you mean sizes?" in ran.err
