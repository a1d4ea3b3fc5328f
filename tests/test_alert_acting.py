"""What people do about alerts over HTTP, as the page and programs do it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import time_ns

import pytest
from msgspec.structs import replace

from serving import Answer, Served
from tachlog.analysis.alerting.lifecycle import Alert, Transition
from tachlog.stores import Store, open_store
from test_alert_routing import alert

AHEAD_US = 1_800_000_000
"""Kept as of half an hour from now, so that the service's own evaluation leaves it alone."""


def keep(store: Store, found: list[Alert], at_us: int) -> None:
    """Keep alerts as an evaluation does."""
    changes = [Transition(each, None, at_us, "") for each in found]
    store.alerting.advance(lambda _: (found, changes), at_us)


@pytest.fixture
def firing(served: Served) -> Iterator[Alert]:
    """Give an alert that fires in the archive of the running service."""
    now_us = time_ns() // 1000
    store = open_store(str(served.archive))
    mine = alert(now_us, now_us, message="A <loud> loop")
    keep(store, [mine], now_us + AHEAD_US)
    yield mine
    over = replace(mine, state="resolved", resolved_us=now_us)
    keep(store, [over], now_us + AHEAD_US + 1)
    for each in store.alerting.silences(now_us):
        store.alerting.keep_silence(replace(each, ends_us=now_us))
    store.close()


def post(served: Served, path: str, body: object, **headers: str) -> Answer:
    """Send JSON."""
    given = {"content-type": "application/json", **headers}
    return served.ask(path, method="POST", body=json.dumps(body).encode(), headers=given)


def test_an_alert_is_taken_on_and_a_rule_silenced(served: Served, firing: Alert) -> None:
    """The page offers both, and shows at once what was done; what cannot be is refused."""
    page = served.ask("/alerts").body.decode()
    assert f'data-post="/api/v1/alerts/{firing.id}/ack"' in page
    assert "A &lt;loud&gt; loop" in page
    assert "{&#34;matches&#34;: {&#34;rule&#34;: &#34;tool_loop&#34;}" in page
    assert "no channel is configured" in page
    ack = f"/api/v1/alerts/{firing.id}/ack"
    taken = post(served, ack, {"note": "mine"})
    assert (taken.status, taken.json["state"], taken.json["note"]) == (200, "acknowledged", "mine")
    again = post(served, ack, {})
    assert (again.status, again.json["detail"].split(",")[0]) == (409, "it is acknowledged")
    silent = post(served, "/api/v1/silences", {"matches": {"rule": "tool_loop"}})
    assert (silent.status, silent.json["matches"]) == (200, {"rule": "tool_loop"})
    told = served.ask("/api/v1/alerts").json
    (mine,) = [each for each in told["firing"] if each["id"] == str(firing.id)]
    assert (mine["acknowledged_by"], mine["suppressed"]) == ("local", "silenced")
    page = served.ask("/alerts").body.decode()
    assert "by local: mine" in page
    assert f'data-post="/api/v1/alerts/{firing.id}/ack"' not in page


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        ("/api/v1/alerts/nonsense/ack", {}, {}, 404),
        ("/api/v1/alerts/00000000-0000-0000-0000-00000000ffff/ack", {}, {}, 404),
        ("/api/v1/silences", {"matches": {}}, {}, 400),
        ("/api/v1/silences", {"matches": {"rule": "x"}, "seconds": 1}, {}, 400),
        ("/api/v1/silences", {"matches": {"rule": "x"}, "why": "x"}, {}, 400),
        ("/api/v1/silences", {"matches": {"rule": "x"}, "note": "x" * 20_000}, {}, 413),
        ("/api/v1/silences", {}, {"content-type": "text/plain"}, 415),
        ("/api/v1/silences", {}, {"origin": "https://elsewhere.example"}, 403),
        ("/api/v1/silences", {}, {"authorization": "Bearer no"}, 401),
    ],
)
def test_what_may_not_be_done_is_refused(
    served: Served, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    """Nothing is done for pages of other sites, without a way in, or with what cannot be meant."""
    assert post(served, path, body, **headers).status == status
