"""The pages: each shows the figures of its JSON twin, whatever there is to show."""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest

import serving
from archives import assistant, jsonl, user
from screens import Desk
from serving import Served
from tachlog import analyze, web
from tachlog.figures import plain
from tachlog.web.pages import PAGES

NAMED = [page.path for page in PAGES if page.name]
HOSTILE = "<script>alert(1)</script> \"'&\x1b[31m\u202eevil"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service over the sessions of a desk, and one with a hostile name."""
    home = tmp_path_factory.mktemp("filled")
    desk = Desk(home)
    desk.write()
    told = [
        user("bad", "u1", "2026-11-18T10:00:00.000Z", HOSTILE),
        assistant(
            "bad",
            "bad-r",
            "2026-11-18T10:00:05.000Z",
            "bad-m",
            content=[{"type": "tool_use", "id": "bad-t", "name": HOSTILE, "input": {"x": HOSTILE}}],
        ),
    ]
    jsonl(desk.logs / "bad.jsonl", told)
    with serving.serving(home) as served:
        analyze(desk.logs, archive=str(served.archive), jobs=1)
        yield served


def text_of(body: bytes) -> str:
    """What a page says, without its tags."""
    return html.unescape(re.sub(r"<[^>]+>", " ", body.decode()))


@pytest.mark.parametrize("path", NAMED)
def test_every_page_has_its_figures(filled: Served, path: str) -> None:
    """A page comes with its heading and without scripts of its own, and says who it is."""
    page = filled.ask(path)
    assert page.status == 200
    assert page.body.count(b"<h1>") == 1
    assert page.body.count(b"<script") == 1
    assert b'aria-current="page"' in page.body
    assert not re.search(rb"\sstyle=|\son\w+=|javascript:|https?://(?!www\.w3\.org)", page.body)


def test_pages_of_nothing_help(tmp_path: Path) -> None:
    """Without any session each page still comes and says what to do, or that nothing is there."""
    with serving.serving(tmp_path) as empty:
        for path in NAMED:
            page = empty.ask(path)
            assert page.status == 200
            assert "None" not in text_of(page.body)


def test_figures_are_those_of_the_twin(filled: Served) -> None:
    """The cost, the tools and the sessions on the pages are those of the JSON beside them."""
    cost = filled.ask("/api/v1/cost?by=model").json
    assert f"${cost['total']['cost_usd']:,.2f}" in text_of(filled.ask("/cost").body)
    tools = filled.ask("/api/v1/tools").json["tools"]
    shown = text_of(filled.ask("/tools").body)
    assert all(plain(name) in shown for name in tools)
    found = filled.ask("/api/v1/sessions").json
    assert f"{found['total']} sessions" in text_of(filled.ask("/sessions").body)


def test_errors_are_told_by_day_and_place(filled: Served) -> None:
    """Days, tools and classes add up to the same errors; who failed leads to the session."""
    found = filled.ask("/api/v1/errors").json
    all_errors = sum(found["classes"].values())
    assert all_errors == sum(sum(day.values()) for day in found["days"].values()) > 0
    for kind in ("project", "model", "session"):
        assert sum(each["errors"] for each in found["where"][kind]) == all_errors
    seen = {session for sessions in found["seen_in"].values() for session in sessions}
    assert seen == {each["name"] for each in found["where"]["session"]}
    page = filled.ask("/errors").body.decode()
    assert all(f'href="/sessions/{session}"' in page for session in seen)
    assert filled.ask("/api/v1/search?q=not+found").json[-1]["kind"] == "error"
    usage = filled.ask("/api/v1/tools").json
    assert all(
        usage["p99_times"][name] >= usage["tools"][name]["p50_time"] * 0.98
        for name in usage["p99_times"]
    )


def test_filters_hold_on_page_and_twin(filled: Served) -> None:
    """A filter in the address selects on the page as it does in the JSON; links keep it."""
    page = text_of(filled.ask("/sessions?project=nowhere").body)
    assert "0 sessions" in page
    some = filled.ask("/sessions?limit=1&project=shop")
    assert b'rel="next"' in some.body
    (after,) = re.findall(rb'href="/sessions\?([^"]+)" rel="next"', some.body)
    assert b"project=shop" in after


@pytest.mark.parametrize(
    ("path", "status", "why"),
    [
        ("/sessions?since=soon", 400, "is no time"),
        ("/cost?since=2026-11-02&until=2026-11-01", 400, "not before"),
        ("/sessions/no-such-session", 404, "no-such-session"),
        ("/cost?project=" + "x" * 3000, 200, ""),
        ("/activity?measure=beauty", 400, "measure"),
        ("/nowhere", 404, ""),
    ],
)
def test_wrong_addresses_are_told(filled: Served, path: str, status: int, why: str) -> None:
    """What cannot be shown is refused with the reason."""
    answer = filled.ask(path)
    assert (answer.status, why.encode() in answer.body) == (status, True)


def test_one_session_is_shown_in_full(filled: Served) -> None:
    """The page of a session has its timeline, turns, errors and files."""
    sessions = filled.ask("/api/v1/sessions").json["sessions"]
    (main,) = [each for each in sessions if each["tree"]["threads"] > 1]
    page = filled.ask(f"/sessions/{main['session_id']}")
    shown = text_of(page.body)
    for words in ("Timeline", "Turns", "Errors", "Sub-agents", "ECONNREFUSED", ".jsonl"):
        assert words in shown
    assert b'class="span-tool"' in page.body
    assert b'class="span-error"' in page.body


def test_things_are_found_by_name(filled: Served) -> None:
    """Sessions are found by a part of their title or the beginning of their id, and so on."""
    found = filled.ask("/api/v1/search?q=FLAKY").json
    assert {each["kind"] for each in found} == {"session"}
    assert all("flaky" in each["name"].lower() for each in found)
    assert filled.ask("/api/v1/search?q=a1b2c3d4").json[0]["id"].startswith("a1b2c3d4")
    assert [each["kind"] for each in filled.ask("/api/v1/search?q=shop").json] == ["project"]
    assert filled.ask("/api/v1/search?q=%25").json == []
    page = text_of(filled.ask("/search?q=cost").body)
    assert "Cost page" in " ".join(page.split())
    assert "Nothing has this" in text_of(filled.ask("/search?q=zzzz").body)


def test_hostile_names_are_text(filled: Served) -> None:
    """Names that look like HTML or steer a terminal are shown as they are, and do nothing."""
    for path in ("/tools", "/sessions/bad"):
        body = filled.ask(path).body
        assert b"<script>alert" not in body
        assert b"&lt;script&gt;alert(1)" in body
        assert b"\x1b" not in body
    assert "<script>" in json.dumps(filled.ask("/api/v1/sessions/bad").json)


def test_a_page_that_is_known_is_not_sent_again(filled: Served) -> None:
    """The entity tag of a page holds until the archive, or what depends on the time, changes."""
    first = filled.ask("/tools")
    again = filled.ask("/tools", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


def test_answers_come_as_small_as_the_asker_takes_them(filled: Served) -> None:
    """Brotli before gzip, neither where it is refused, and the same page in each."""
    found = {}
    for takes in ("gzip, deflate, br", "br;q=0, gzip", "identity"):
        answer = filled.ask("/tools", headers={"Accept-Encoding": takes})
        found[answer.headers.get("content-encoding")] = answer.body
        assert "accept-encoding" in answer.headers["vary"].lower()
    page = found[None]
    assert set(found) == {"br", "gzip", None}
    assert brotli.decompress(found["br"]) == gzip.decompress(found["gzip"]) == page
    assert len(found["br"]) < len(page) / 3
    small = filled.ask("/healthz", headers={"Accept-Encoding": "br"})
    assert "content-encoding" not in small.headers
    file = filled.ask("/static/live.js", headers={"Accept-Encoding": "br"})
    assert brotli.decompress(file.body) == filled.ask("/static/live.js").body


def test_own_script_and_style_are_small() -> None:
    """All that pages bring beside their own text is less than 60 kB."""
    folder = Path(web.__file__).parent / "static"
    assert 0 < sum(file.stat().st_size for file in folder.iterdir()) < 60_000
