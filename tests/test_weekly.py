"""The weekly report on a schedule: sent once to each channel, by mail and webhook."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email import message_from_bytes, policy
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from aiosmtpd.controller import Controller

from receivers import Receiver, receiving
from screens import Desk
from tachlog.analysis.alerting.channels import Channel
from tachlog.config import Config, ConfigError, load
from tachlog.notify.weekly import deliver_report
from tachlog.pricing import PriceBook
from tachlog.report.rendering import mail
from tachlog.report.schedule import Reporting, last_due_us
from tachlog.report.weeks import report_of
from tachlog.stores import open_store
from tachlog.stores.notices import BACKOFF_S
from test_alert_channels import Inbox, free_port

MONDAY = round(datetime(2026, 11, 23, 8, 0, tzinfo=UTC).timestamp()) * 1_000_000
MINUTE = 60_000_000
DAY_US = 1440 * MINUTE
CONFIG = """
[display]
time_zone = "UTC"
[report]
schedule = "monday 08:00"
channels = ["mail", "hook"]
[[channels]]
name = "mail"
url = "mailto://127.0.0.1:{mail}?from=tachlog@example.org&to=ana@example.org"
hints = true
[[channels]]
name = "hook"
url = "webhook+http://{hook}/"
secret = "s3cret"
[[channels]]
name = "other"
url = "stdout"
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Give a home whose week is in the archive; tests only look at it."""
    desk = Desk(tmp_path_factory.mktemp("weekly"))
    desk.write()
    assert desk.run("analyze").code == 0
    return desk


def archive_of(desk: Desk) -> Path:
    """The archive of a desk."""
    return desk.home / ".local/share/tachlog/tachlog.db"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a web server that takes what is posted."""
    with receiving() as found:
        yield found


def config_of(tmp_path: Path, port: int, receiver: Receiver) -> Config:
    """A configuration with a mail, a webhook, and a channel that is not asked for."""
    path = tmp_path / "config.toml"
    path.write_text(CONFIG.format(mail=port, hook=receiver.place))
    return load({"HOME": str(tmp_path)}, path).config


def sent(archive: Path, config: Config, at_us: int) -> list[str]:
    """Send what is due at a moment, as a server that just began; what became of it."""
    store = open_store(str(archive))
    try:
        found = deliver_report(store, config, lambda: at_us)
    finally:
        store.close()
    return [f"{each.channel}: {each.fault or 'sent'}" for each in found]


def test_a_report_is_sent_once(desk: Desk, tmp_path: Path, receiver: Receiver) -> None:
    """Of all servers and starts one sends it to each channel; what failed is tried again."""
    inbox, port, archive = Inbox(), free_port(), archive_of(desk)
    config = config_of(tmp_path, port, receiver)
    assert sent(archive, config, MONDAY) == [
        "mail: mailto: the receiver did not take it",
        "hook: sent",
    ]
    assert sent(archive, config, MONDAY + MINUTE // 60) == []
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        assert sent(archive, config, MONDAY + BACKOFF_S[0] * 1_000_000) == ["mail: sent"]
        assert sent(archive, config, MONDAY + 6 * DAY_US) == []
        later = MONDAY + 15 * DAY_US
        with ThreadPoolExecutor(2) as servers:
            both = [servers.submit(sent, archive, config, later) for _ in range(2)]
            assert sorted(told for each in both for told in each.result()) == [
                "hook: sent",
                "mail: sent",
            ]
        assert sent(archive, config, later + DAY_US) == []
    finally:
        controller.stop()
    first, second = receiver.posted
    body = json.loads(first.body)
    assert (body["type"], body["week"], body["receiver"]) == ("weekly_report", "2026-W47", "hook")
    assert json.loads(second.body)["week"] == "2026-W49"
    at, _, digest = first.headers["x-tachlog-signature"].partition(",v1=")
    signed = at.removeprefix("t=").encode() + b"." + first.body
    assert hmac.new(b"s3cret", signed, sha256).hexdigest() == digest
    assert b"flaky" not in first.body
    assert body["report"]["sessions"]["total"] == 2
    told = message_from_bytes(inbox.mails[0].content or b"", policy=policy.default)
    parts = {part.get_content_type(): part for part in told.walk()}
    assert told["Subject"] == body["subject"]
    text = parts["text/html"].get_content()
    assert "Fix the flaky checkout test" in text
    picture = parts["image/png"]
    assert f"cid:{picture['Content-ID'].strip('<>')}" in text
    assert picture.get_content().startswith(b"\x89PNG")
    assert picture.get_content_disposition() == "inline"


def test_a_mail_without_the_renderer_has_the_values(desk: Desk) -> None:
    """Where no picture can be made the days stand in a table."""
    store = open_store(str(archive_of(desk)))
    found = report_of(store, "2026-W47", time_zone="UTC", prices="", price=PriceBook().price)
    store.close()
    text, pictures = mail(found, lambda svg: None)
    assert pictures == {}
    assert "<img" not in text
    assert '<th scope="row">Wed</th>' in text


def test_other_channels_are_told_in_their_way(
    desk: Desk, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Standard output gets Markdown, the desktop the one thing, others Markdown by Apprise."""
    command = tmp_path / "notify-send"
    command.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/told\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with receiving() as receiver:
        channels = tuple(
            Channel(name=name, url=url)
            for name, url in (
                ("out", "stdout"),
                ("desk", "desktop"),
                ("json", f"json://{receiver.place}/"),
                ("am", f"alertmanager+http://{receiver.place}"),
            )
        )
        config = Config(channels=channels, report=Reporting(schedule="sunday 23:59"))
        assert sent(archive_of(desk), config, MONDAY + 60 * DAY_US) == [
            "out: sent",
            "desk: sent",
            "json: sent",
        ]
        assert len(receiver.posted) == 1
    assert capsys.readouterr().out.startswith("# Agents, ")
    assert (tmp_path / "told").read_text().splitlines()[3].startswith("Agents, ")
    assert sent(archive_of(desk), Config(channels=channels), MONDAY) == []
    nothing = Config(report=Reporting(schedule="monday 08:00"))
    assert sent(archive_of(desk), nothing, MONDAY) == []
    assert sent(tmp_path / "empty.db", config, MONDAY) == []


def test_when_a_report_is_due() -> None:
    """The day and time hold in their zone, also where a clock is put forward or back."""
    vienna = ZoneInfo("Europe/Vienna")
    for wall, due in (
        ((2026, 11, 23, 7, 59), "2026-11-16T08:00:00+01:00"),
        ((2026, 11, 23, 8, 0), "2026-11-23T08:00:00+01:00"),
        ((2026, 11, 29, 23, 0), "2026-11-23T08:00:00+01:00"),
        ((2026, 10, 26, 7, 0), "2026-10-19T08:00:00+02:00"),
        ((2026, 3, 30, 9, 0), "2026-03-30T08:00:00+02:00"),
    ):
        at_us = round(datetime(*wall, tzinfo=vienna).timestamp()) * 1_000_000
        found = last_due_us("Monday 08:00", vienna, at_us)
        assert datetime.fromtimestamp(found / 1e6, vienna).isoformat() == due


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("schedule = 'mondays'", "report.schedule = 'mondays' is no day and time such as"),
        ("time_zone = 'Vienna'", "report.time_zone: 'Vienna' is no zone; did you mean"),
        ("channels = ['x']", "report.channels: no channel is called 'x' (am)"),
        ("channels = ['am']", "report.channels: am takes alerts only"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """A day, a zone or a channel that is not there is told with its key."""
    path = tmp_path / "config.toml"
    path.write_text(f"[report]\n{text}\n[[channels]]\nname='am'\nurl='alertmanager+http://h'\n")
    with pytest.raises(ConfigError) as raised:
        load({"HOME": str(tmp_path)}, path)
    assert why in str(raised.value)
