"""`tachlog mcp` gives agents the answers of the API, short, and changes no figures."""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import closing
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters

from screens import MAIN, NOW, Desk
from tachlog.cli.calling import Caller
from tachlog.cli.mcp import OFFERS, shortened, told
from tachlog.cli.running import run
from tachlog.config import load
from tachlog.stores import PRIVATE, open_store
from tachlog.web.problems import Refusal

QUESTIONS: dict[str, dict[str, Any]] = {
    "sessions": {"limit": 1},
    "session": {"session_id": "a1b2", "limit": 2},
    "search": {"q": "shop"},
    "cost": {"by": "model"},
    "tools": {},
    "errors": {"since": "2026-01-01"},
    "advice": {},
    "live": {},
    "totals": {},
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of two sessions."""
    home = tmp_path_factory.mktemp("home")
    desk = Desk(home)
    desk.write()
    path = home / "mcp.db"
    assert desk.run("analyze", "--db", str(path)).code == 0
    return path


def environ(archive: Path) -> dict[str, str]:
    """The environment of a command that knows this home alone."""
    return {"HOME": str(archive.parent), "PATH": ""}


def change_of(archive: Path) -> int:
    """The number of the archive's last change."""
    with closing(open_store(str(archive))) as store:
        return store.last_change()


def test_an_agent_asks_every_tool(archive: Path) -> None:
    """The SDK's client lists the tools, is answered by each, told what it asks wrongly."""
    before = change_of(archive)
    words = ["-m", "tachlog", "mcp", "--db", str(archive)]
    server = StdioServerParameters(command=sys.executable, args=words, env=environ(archive))

    async def asked() -> tuple[list[Any], dict[str, Any], list[Any]]:
        async with Client(server) as client:
            listed = (await client.list_tools()).tools
            answers = {
                name: await client.call_tool(name, given) for name, given in QUESTIONS.items()
            }
            wrong = [
                await client.call_tool("session", {"session_id": "zzz"}),
                await client.call_tool("cost", {"by": "moon"}),
            ]
            return listed, answers, wrong

    listed, answers, wrong = asyncio.run(asked())
    assert [tool.name for tool in listed] == list(OFFERS) == list(QUESTIONS)
    assert all(tool.annotations.read_only_hint for tool in listed)
    assert not any(answer.is_error for answer in answers.values())
    found = {name: json.loads(answer.content[0].text) for name, answer in answers.items()}
    assert len(found["sessions"]["answer"]["sessions"]) == 1
    assert found["sessions"]["answer"]["total"] == 2
    assert found["session"]["answer"]["session"]["session_id"] == MAIN
    assert len(found["session"]["answer"]["turns"]) <= 2
    assert found["search"]["answer"]
    assert found["cost"]["answer"]["by"] == "model"
    assert found["totals"]["answer"]["totals"]["sessions"] == 2
    assert [each.is_error for each in wrong] == [True, True]
    assert "no session begins with 'zzz'" in wrong[0].content[0].text
    assert "moon" in wrong[1].content[0].text
    assert change_of(archive) == before


def test_an_answer_is_that_of_the_api_cut_to_the_limit(archive: Path) -> None:
    """Days are told newest first, what is left off is counted, and a wrong question says why."""
    now_us = int(NOW.timestamp() * 1e6)
    loaded = load(environ(archive))
    with closing(open_store(str(archive))) as store:
        whole = json.loads(told("cost", {}, store, loaded, now_us))["answer"]["rows"]
        assert whole == sorted(whole, key=lambda row: row["key"], reverse=True)
        cut = json.loads(told("session", {"session_id": MAIN, "limit": 1}, store, loaded, now_us))
        assert cut["left_off"]["answer.turns"] >= 1
        assert len(cut["answer"]["turns"]) == 1
        for name, given, reason in (
            ("moon", {}, "no tool 'moon'"),
            ("session", {}, "session_id is missing"),
            ("tools", {"limit": 0}, "limit"),
            ("tools", {"limit": True}, "limit"),
            ("live", {"colour": "red"}, "colour"),
        ):
            with pytest.raises(Refusal) as refused:
                told(name, given, store, loaded, now_us)
            assert reason in refused.value.detail


def test_tables_and_lists_are_cut_at_every_depth() -> None:
    """The first of each stay, and the rest is counted by place."""
    left_off: dict[str, int] = {}
    value = {"a": [1, 2, 3], "b": (4, 5, 6), "c": []}
    assert shortened(value, 2, left_off) == {"a": [1, 2], "b": [4, 5]}
    assert left_off == {"answer": 1, "answer.*": 2}


def test_without_the_sdk_it_says_what_to_install(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the SDK is missing, it tells the command that brings it; an archive must stay."""
    monkeypatch.setitem(sys.modules, "mcp.server.lowlevel", None)
    for db, reason in ((str(archive), "pip install 'tachlog[mcp]'"), (PRIVATE, "that stays")):
        err = StringIO()
        caller = Caller(environ(archive), 0, StringIO(), err)
        assert run(["mcp", "--db", db], caller) == 2
        assert reason in err.getvalue()
