"""What admins do over HTTP: people, tokens, rules, channels; all of it is noted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest

from receivers import Receiver, receiving
from serving import Answer, Served, serving

PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    """Give a receiver of messages on loopback."""
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, hook: Receiver) -> Iterator[Served]:
    """Give a service with a configuration of its own and a channel."""
    home = tmp_path_factory.mktemp("office")
    config = home / "config.toml"
    config.write_text(
        f'[[channels]]\nname = "ops"\nurl = "webhook+http://{hook.place}/"\nprivate = true\n'
    )
    env = {"TACHLOG_SERVE__FOLLOW": "false", "TACHLOG_CONFIG": str(config)}
    with serving(home, env=env) as served:
        yield served


def change(served: Served, path: str, **body: object) -> Answer:
    """Ask for a change."""
    headers = {"content-type": "application/json"}
    return served.ask(f"/api/v1/admin/{path}", "POST", json.dumps(body).encode(), headers)


def told(served: Served) -> Any:
    """What admins see."""
    return served.ask("/api/v1/admin").json


def test_people_are_added_changed_and_removed(office: Served) -> None:
    """Each change is seen at once and noted with who made it; what cannot be is refused."""
    added = change(office, "users", name="ana", password=PASSWORD)
    assert (added.status, added.json["role"], added.json["signs_in"]) == (200, "member", True)
    assert change(office, "users", name="ana", password=PASSWORD).status == 409
    assert change(office, "users", name="bo", password="short").status == 400
    assert change(office, "users", name="a/b", password=PASSWORD).status == 400
    assert change(office, "users/ana/role", role="lead").json == {"done": "ana is lead"}
    assert change(office, "users/ana/role", role="king").status == 400
    assert change(office, "users/bo/role", role="lead").status == 404
    assert change(office, "users/ana/password", password=PASSWORD + "!").status == 200
    seen = told(office)
    assert {"name": "ana", "role": "lead"}.items() <= seen["users"][0].items()
    assert PASSWORD not in json.dumps(seen)
    assert change(office, "users/ana/remove").status == 200
    assert change(office, "users/ana/remove").status == 404
    acts = [(act["by"], act["what"], act["about"]) for act in told(office)["acts"]]
    assert acts[::-1] == [
        ("local", "added user", "ana (member)"),
        ("local", "made lead", "ana"),
        ("local", "gave a password to", "ana"),
        ("local", "removed user", "ana"),
    ]


def test_a_token_is_shown_once_and_revoked(office: Served) -> None:
    """It lets in until then; the list of tokens does not tell it."""
    made = change(office, "tokens", name="ci", scope="read").json
    bearer = {"Authorization": f"Bearer {made['token']}"}
    assert office.ask("/api/v1/sessions", headers=bearer, token=False).status == 200
    assert office.ask("/api/v1/admin", headers=bearer, token=False).status == 403
    assert made["token"] not in json.dumps(told(office))
    assert change(office, "tokens", name="ci", scope="read").status == 409
    assert change(office, "tokens/ci/revoke").status == 200
    assert office.ask("/api/v1/sessions", headers=bearer, token=False).status == 401
    assert change(office, "tokens/ci/revoke").status == 404


def test_a_rule_takes_a_value_which_is_in_force_at_once(office: Served) -> None:
    """The value stands in the configuration, which is read again."""
    done = change(office, "rules/high_error_rate/accept", value=0.4)
    assert done.json == {"done": "alerts.error_rate_threshold = 0.4"}
    rules = {rule["name"]: rule for rule in told(office)["rules"]}
    assert (rules["high_error_rate"]["value"], rules["high_error_rate"]["is_set"]) == (0.4, True)
    assert change(office, "rules/tool_loop/accept").status == 200
    assert change(office, "rules/no_such/accept").status == 404
    assert change(office, "rules/high_error_rate/accept", value="much").status == 400


def test_a_channel_is_tried(office: Served, hook: Receiver) -> None:
    """The button sends a message, and says what went wrong where it did."""
    assert change(office, "channels/ops/test").json == {"done": "sent to ops"}
    assert len(hook.posted) == 1
    assert change(office, "channels/none/test").status == 404
    hook.status = 500
    assert change(office, "channels/ops/test").status == 409


def test_the_page_has_no_secret_and_offers_each_change(office: Served) -> None:
    """What the page offers are the changes that the API has."""
    change(office, "users", name="<b>cy", password=PASSWORD)
    text = office.ask("/admin").body.decode()
    assert "&lt;b&gt;cy" in text
    assert 'data-post="/api/v1/admin/users/%3Cb%3Ecy/remove"' in text
    assert 'data-post="/api/v1/admin/channels/ops/test"' in text
    assert "argon2" not in text


def test_a_person_is_handed_out_and_erased(office: Served) -> None:
    """What goes is told first, the name is to be typed, what is sent again adds nothing."""
    change(office, "users", name="dee", password=PASSWORD)
    bearer = change(office, "tokens", name="dee-2", owner="dee").json["token"]
    row = {"id": "d1", "session_id": "of-dee", "response_time": 9, "log_timestamp": "2026-11-18"}
    row |= {"structured_data": {"usage": {"input_tokens": 10, "output_tokens": 5}}}

    def send(token: str, each: dict[str, Any]) -> None:
        headers = {"content-type": "application/x-ndjson", "authorization": f"Bearer {token}"}
        body = json.dumps(each).encode()
        assert office.ask("/api/v1/agent-logs", "POST", body, headers).status == 200

    def sessions() -> list[str]:
        found = office.ask("/api/v1/sessions").json["sessions"]
        return sorted(each["session_id"] for each in found)

    send(bearer, row)
    assert (told(office)["people"], sessions()) == (["<b>cy", "dee"], ["of-dee"])
    assert office.ask("/api/v1/admin/people/nobody").status == 404
    seen = office.ask("/api/v1/admin/people/dee").json
    assert (seen["held"]["sessions"], seen["held"]["tokens"]) == (1, 1)
    assert office.ask("/admin/people/dee").status == 200
    given = office.ask("/api/v1/admin/people/dee/data")
    assert (given.status, given.headers["content-type"]) == (200, "application/zip")
    with ZipFile(BytesIO(given.body)) as archive:
        assert json.loads(archive.read("sessions.jsonl"))["session_id"] == "of-dee"
    assert office.ask("/api/v1/admin/people/nobody/data").status == 404
    assert change(office, "people/dee/erase", name="de").status == 409
    assert change(office, "people/dee/erase", name="dee").status == 200
    assert change(office, "people/dee/erase", name="dee").status == 404
    assert (told(office)["people"], sessions()) == (["<b>cy"], [])
    last, handed = told(office)["acts"][:2]
    assert (last["what"], handed["what"]) == ("erased the data of", "exported the data of")
    assert last["about"] == handed["about"] != "dee"
    change(office, "users", name="dee", password=PASSWORD)
    again = change(office, "tokens", name="dee-3", owner="dee").json["token"]
    send(again, row)
    send(again, {**row, "id": "d2", "session_id": "a-new-one"})
    assert sessions() == ["a-new-one"]


def test_retention_is_set_after_a_look(office: Served) -> None:
    """What other values would delete is told before; what cannot be is refused; it is in force."""
    keeping = told(office)["keeping"]
    assert (keeping["retention_days"], keeping["is_set"]) == (90, False)
    found = office.ask("/api/v1/admin/retention?retention_days=1").json
    assert (found["keeping"]["retention_days"], found["rule"]) == (1, "storage.retention_days")
    assert office.ask("/api/v1/admin/retention?history_days=5").status == 400
    assert office.ask("/api/v1/admin/retention?retention_days=0").status == 400
    text = office.ask("/admin/retention?retention_days=7").body.decode()
    assert "&#34;retention_days&#34;: 7" in text or '"retention_days": 7' in text
    assert change(office, "retention/set").status == 409
    assert change(office, "retention/set", history_days=5).status == 400
    assert change(office, "retention/set", retention_days=7).status == 200
    keeping = told(office)["keeping"]
    assert (keeping["retention_days"], keeping["is_set"]) == (7, True)
    assert told(office)["acts"][0]["what"] == "set retention"
