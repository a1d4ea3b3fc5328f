"""The pages in a real browser: readable for everybody, live, and quiet about the outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from time import time_ns
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

import serving
from archives import assistant, jsonl, user
from screens import MAIN, Desk
from serving import Served
from tachlog import analyze
from tachlog.analysis.alerting.lifecycle import Transition
from tachlog.stores import open_store
from tachlog.web.pages import PAGES
from test_alert_routing import alert

ADDRESSES = [page.path for page in PAGES if page.name] + [
    f"/sessions/{MAIN}",
    "/search?q=a",
    "/admin/retention",
]
CHROMIUM = next(
    (place for place in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if Path(place).exists()),
    None,
)
PICTURES = os.environ.get("PAGES_PICTURES")
"""A directory that takes pictures of the pages, for people to look at."""

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; that it is missing is a fault, not a reason to skip."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A home with a few sessions."""
    desk = Desk(tmp_path_factory.mktemp("browser"))
    desk.write()
    return desk


@pytest.fixture(scope="module")
def filled(desk: Desk) -> Iterator[Served]:
    """A service over them."""
    with serving.serving(desk.home) as served:
        analyze(desk.logs, archive=str(served.archive), jobs=1)
        yield served


def entered(browser: Browser, served: Served, **options: object) -> BrowserContext:
    """A browser that came in by the printed address; whatever it complains of is a fault."""
    context = browser.new_context(**options)  # type: ignore[arg-type] # Playwright checks them
    context.new_page().goto(f"http://127.0.0.1:{served.port}/?token={served.token}")
    return context


def watched(context: BrowserContext, faults: list[str]) -> Page:
    """A page whose complaints, and requests to anybody else, are noted."""
    page = context.new_page()
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on(
        "request",
        lambda asked: (
            None if urlsplit(asked.url).hostname == "127.0.0.1" else faults.append(asked.url)
        ),
    )
    return page


def violations(page: Page, rules: list[str]) -> list[str]:
    """What the checker of accessibility finds wrong with a page."""
    return [
        f"{page.url} {each['id']} {node['html'][:200]} {node['failureSummary'][:300]}"
        for each in Axe().run(page, options={"runOnly": rules}).response["violations"]
        for node in each["nodes"][:2]
    ]


def picture(page: Page, name: str) -> None:
    """Keep a picture of a page where somebody asked for it."""
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_is_accessible_and_asks_nobody_else(
    browser: Browser, filled: Served, scheme: str
) -> None:
    """A checker finds no fault of WCAG 2.2 AA; the themes differ in nothing but colours."""
    context = entered(browser, filled, color_scheme=scheme)
    faults: list[str] = []
    page = watched(context, faults)
    for address in ADDRESSES:
        page.goto(f"http://127.0.0.1:{filled.port}{address}")
        faults += violations(page, TAGS if scheme == "light" else ["cat.color"])
        picture(page, f"{scheme}{address.replace('/', '-')}")
    assert not faults, "\n".join(faults)
    context.close()


@pytest.mark.parametrize("width", [360, 1280, 3840])
def test_pages_fit_the_screen(browser: Browser, filled: Served, width: int) -> None:
    """Nothing stands beyond the right edge, on a phone or a wall; wide tables scroll."""
    context = entered(browser, filled, viewport={"width": width, "height": 800})
    page = context.new_page()
    for address in ADDRESSES:
        page.goto(f"http://127.0.0.1:{filled.port}{address}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, address
        picture(page, f"{width}{address.replace('/', '-')}")
    context.close()


def test_pages_grow_while_one_looks(browser: Browser, filled: Served, desk: Desk) -> None:
    """What is read appears without a reload; what was opened stays open, the scroll where it is."""
    context = entered(browser, filled, viewport={"width": 900, "height": 500})
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{filled.port}/sessions/{MAIN}")
    expect(page.locator("#link")).to_have_text("● live")
    turn = page.locator("details").last
    if not turn.evaluate("each => each.open"):
        turn.locator("summary").click()
    page.evaluate("window.kept = document.querySelector('details:last-of-type')")
    page.evaluate("scrollTo(0, 300)")
    lists = context.new_page()
    lists.goto(f"http://127.0.0.1:{filled.port}/sessions")
    expect(lists.locator("tbody tr")).to_have_count(2)
    told = [
        user("late", "late-u", "2026-11-18T11:00:00.000Z", "A session that comes late"),
        assistant("late", "late-r", "2026-11-18T11:00:05.000Z", "late-m"),
    ]
    jsonl(desk.logs / "late.jsonl", told)
    analyze(desk.logs, archive=str(filled.archive), jobs=1)
    expect(lists.locator("tbody tr")).to_have_count(3)
    expect(lists.locator("tbody")).to_contain_text("A session that comes late")
    page.bring_to_front()
    page.wait_for_timeout(500)
    assert page.evaluate("window.kept.isConnected && window.kept.open")
    assert page.evaluate("scrollY") == 300
    context.close()


def test_eight_tabs_listen_with_one_connection(browser: Browser, filled: Served) -> None:
    """All tabs of a browser are live, and one of them listens for all."""
    context = browser.new_context()
    listening: list[str] = []
    context.on(
        "request",
        lambda asked: listening.append(asked.url) if asked.url.endswith("/api/v1/live") else None,
    )
    context.new_page().goto(f"http://127.0.0.1:{filled.port}/?token={filled.token}")
    tabs = [context.new_page() for _ in range(7)]
    for tab in tabs:
        tab.goto(f"http://127.0.0.1:{filled.port}/alerts")
        expect(tab.locator("#link")).to_have_text("● live")
    assert len(listening) == 1
    context.close()


def test_a_lost_connection_is_told_and_comes_back(browser: Browser, tmp_path: Path) -> None:
    """A page says that the service is gone, and is live again when it is back."""
    with serving.serving(tmp_path) as served:
        context = entered(browser, served)
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{served.port}/")
        expect(page.locator("#link")).to_have_text("● live")
        served.stop()
        expect(page.locator("#link")).to_have_text("connection lost, trying again")
        context.close()


def test_filters_work_from_the_keyboard(browser: Browser, filled: Served) -> None:
    """A filter that is chosen is in the address, and the page shows what it selects."""
    context = entered(browser, filled)
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{filled.port}/sessions")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Control+k")
    expect(page.locator(".search input")).to_be_focused()
    page.locator("select[name=since]").select_option("today")
    page.wait_for_url("**/sessions?since=today")
    expect(page.locator("main")).to_contain_text("0 sessions")
    context.close()


def test_a_span_of_a_chart_is_chosen(browser: Browser, filled: Served) -> None:
    """By dragging or with the arrow keys: the time is in the address, and can be left again."""
    context = entered(browser, filled)
    page = context.new_page()
    at = f"http://127.0.0.1:{filled.port}/cost"
    page.goto(at)
    chart = page.locator("svg[data-starts]")
    starts = (chart.get_attribute("data-starts") or "").split()
    box = chart.bounding_box()
    assert len(starts) > 1
    assert box is not None
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 60, steps=4)
    page.mouse.up()
    page.wait_for_url(f"{at}?since={starts[0]}&until={starts[-1]}")
    page.get_by_role("link", name="All time").click()
    page.wait_for_url(at)
    chart.focus()
    for key in ("ArrowRight", "Shift+ArrowLeft", "Escape", "ArrowLeft", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    expect(page.locator("[data-zoom]")).to_have_text(f"{starts[-2]} to {starts[-1]}")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{at}?since={starts[-2]}&until={starts[-1]}")
    context.close()


def keep_alert(served: Served) -> None:
    """Keep an alert that fires, as of half an hour from now: the service leaves it alone."""
    store = open_store(str(served.archive))
    now_us = time_ns() // 1000
    mine = alert(now_us, now_us, message="A loop")
    fires = [Transition(mine, None, now_us, "")]
    store.alerting.advance(lambda _: ([mine], fires), now_us + 1_800_000_000)
    store.close()


def test_people_come_in_by_the_form_and_are_looked_after(browser: Browser, tmp_path: Path) -> None:
    """The first user takes an alert on, adds somebody, makes a token, signs out: by clicks."""
    quiet = {"TACHLOG_SERVE__FOLLOW": "false"}
    with serving.serving(tmp_path, "--host", "0.0.0.0", env=quiet) as served:
        context = browser.new_context()
        faults: list[str] = []
        page = watched(context, faults)
        page.on("dialog", lambda dialog: dialog.accept())
        at = f"http://127.0.0.1:{served.port}"
        keep_alert(served)
        page.goto(f"{at}/set-up?key={served.set_up}")
        assert not violations(page, TAGS)
        page.get_by_label("name").fill("ana")
        page.get_by_label("password").fill("a long enough password")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Now")
        page.get_by_role("link", name="Alerts").click()
        page.get_by_label("Note on tool loop").fill("I look at it")
        page.get_by_role("button", name="Acknowledge").click()
        row = page.locator("tr.warning", has_text="A loop")
        expect(row).to_contain_text("acknowledged by ana: I look at it")
        row.get_by_role("button", name="Silence").click()
        expect(page.locator("main")).to_contain_text("rule = tool_loop until")
        page.get_by_role("link", name="Admin").click()
        page.get_by_label("Name of somebody new").fill("bo")
        page.get_by_label("Password of somebody new").fill("a long enough password")
        page.get_by_role("button", name="Add").click()
        expect(page.locator("#user-bo")).to_be_visible()
        page.get_by_label("Name of a new token").fill("ci")
        page.get_by_role("button", name="Make").click()
        expect(page.locator("#token-ci")).to_be_visible()
        expect(page.locator(".new output.said")).to_contain_text("tachlog_")
        page.get_by_role("button", name="Revoke ci").click()
        expect(page.get_by_role("button", name="Revoke ci")).to_have_count(0)
        page.get_by_label("Name of somebody new").fill("cy")
        page.get_by_label("Password of somebody new").fill("a long enough password")
        page.get_by_role("button", name="Add").click()
        page.get_by_role("link", name="cy", exact=True).click()
        expect(page.locator("main")).to_contain_text("the way to sign in")
        assert not violations(page, TAGS)
        page.get_by_placeholder("type the name").fill("cy")
        page.get_by_role("button", name="Erase").click()
        page.wait_for_url("**/admin")
        expect(page.locator("#acts + .wide")).to_contain_text("erased the data of erased-")
        expect(page.locator("#user-cy")).to_have_count(0)
        page.get_by_role("button", name="Sign out").click()
        page.goto(f"{at}/cost")
        assert not violations(page, TAGS)
        picture(page, "sign-in")
        page.get_by_label("name").fill("bo")
        page.get_by_label("password").fill("a long enough password")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Models and cost")
        expect(page.get_by_role("link", name="Admin")).to_have_count(0)
        assert not faults
        context.close()
