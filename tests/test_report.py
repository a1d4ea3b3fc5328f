"""The weekly report: the same bytes each time, nothing that logs tell marks it up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument

import serving
from archives import assistant, jsonl, tool_result, tool_use, user
from screens import Desk

HOSTILE = "<script>alert(1)</script><b>*x*</b> \x1b[31mred\x9b0m \u202eevil " + "y" * 1_000_000


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a home whose two sessions are in the archive; tests only look at it."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.write()
    assert desk.run("analyze").code == 0
    return desk


def test_a_report_is_the_same_twice(desk: Desk, tmp_path: Path) -> None:
    """The same archive and week give the same bytes in every form, and every part is told."""
    week = _week(desk)
    for form in ("md", "html", "json"):
        once = desk.run("report", "--week", week, "--format", form)
        assert once.code == 0, once.err
        assert once.out == desk.run("report", "--week", week, "--format", form).out
        out = tmp_path / "out"
        assert desk.run("report", "--week", week, "--format", form, "--out", str(out)).code == 0
        assert out.read_text().rstrip("\n") == once.out.rstrip("\n")
        assert week in once.out
    told = desk.run("report", "--week", week).out
    for part in ("The one thing", "Money", "Reliability", "Speed", "Do next", "How sure"):
        assert f"## {part}" in told


def test_a_report_is_printed(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PDF has the words and the chart, is the same twice, and needs a file to be written to."""
    words = ("report", "--week", "2026-W47", "--format", "pdf")
    files = [tmp_path / name for name in ("a.pdf", "b.pdf")]
    for file in files:
        assert desk.run(*words, "--out", str(file)).code == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    page = PdfDocument(files[0])[0]
    told = page.get_textpage().get_text_range()
    assert "The one thing" in told
    assert "Wed" in told
    colors = {color for _, color in page.render().to_pil().getcolors(1 << 20) or ()}
    assert (31, 122, 100) in colors
    assert desk.run(*words).code == 2
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    missing = desk.run(*words, "--out", str(files[0]))
    assert (missing.code, "tachlog[report]" in missing.err) == (1, True)


def test_an_empty_week_says_so(desk: Desk) -> None:
    """A week without a session says that nothing happened; one that cannot be is misuse."""
    assert "Nothing happened" in desk.run("report", "--week", "2001-W02").out
    for wrong in ("2026-W54", "40"):
        assert desk.run("report", "--week", wrong).code == 2


def test_names_of_logs_stay_text(tmp_path: Path) -> None:
    """Titles and tools with markup, steering characters and a megabyte are told short, as text."""
    desk = Desk(tmp_path)
    call = [tool_use("t", HOSTILE, command=HOSTILE)]
    told = [
        user("bad", "u", "2026-11-18T10:00:00.000Z", HOSTILE),
        assistant("bad", "r", "2026-11-18T10:00:05.000Z", "m", content=call),
        tool_result("bad", "x", "2026-11-18T10:00:09.000Z", "t", HOSTILE, error=True),
    ]
    jsonl(desk.logs / "bad.jsonl", told)
    assert desk.run("analyze").code == 0
    for form, sign in (("md", "\\<script"), ("html", "&lt;script&gt;alert(1)")):
        ran = desk.run("report", "--week", "2026-W47", "--format", form)
        assert ran.code == 0
        assert sign in ran.out
        assert len(ran.out) < 20_000
        assert not set("\x1b\x9b\u202e") & set(ran.out)
        assert "<script" not in ran.out.replace("\\<script", "")


def test_a_report_is_the_same_wherever_it_is_made(desk: Desk) -> None:
    """The zone of the machine does not matter where the configuration names one."""
    zone = {"TACHLOG_DISPLAY__TIME_ZONE": "Asia/Tokyo"}
    for form in ("md", "html", "json"):
        words = ("report", "--week", "2026-W47", "--format", form)
        here, there = (desk.run(*words, TZ=tz, **zone).out for tz in ("UTC", "America/Lima"))
        assert here == there != ""


def test_the_page_of_a_week_is_the_report(desk: Desk) -> None:
    """The list leads to the week's page, which says what the command says; others are not there."""
    archive = desk.home / ".local/share/tachlog/tachlog.db"
    environ = {"TACHLOG_CONFIG": desk.environ["TACHLOG_CONFIG"]}
    with serving.serving(desk.home, "--db", str(archive), env=environ) as served:
        (week,) = served.ask("/api/v1/reports").json["weeks"]
        assert (week["week"], week["first"]) == ("2026-W47", "2026-11-16")
        assert b'href="/reports/2026-W47"' in served.ask("/reports").body
        page = served.ask("/reports/2026-W47").body.decode()
        printed = desk.run("report", "--week", "2026-W47", "--format", "html").out
        sections = printed.partition("</h1>")[2].rpartition("</main>")[0]
        assert sections
        assert sections in page
        told = json.loads(desk.run("report", "--week", "2026-W47", "--format", "json").out)
        assert served.ask("/api/v1/reports/2026-W47").json == told
        assert b"Nothing happened" in served.ask("/reports/2001-W02").body
        for path in ("/reports/2026-W60", "/reports/soon", "/api/v1/reports/0000-W01"):
            assert served.ask(path).status == 404


def _week(desk: Desk) -> str:
    rows = json.loads(desk.run("cost", "--by", "week", "--json").out)["rows"]
    return str(max(rows, key=lambda row: row["calls"])["key"])
