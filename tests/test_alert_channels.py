"""Alerts that are sent: the log of messages, and receivers that are really there."""

from __future__ import annotations

import hmac
import json
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from time import monotonic
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from conftest import Archives
from receivers import Receiver, receiving
from screens import NOW as SCREEN_NOW
from screens import Desk
from tachlog.analysis.alerting.channels import Channel
from tachlog.analysis.alerting.lifecycle import Alert, Transition, acknowledge
from tachlog.analysis.alerting.silences import Silence
from tachlog.config import ConfigError, load
from tachlog.notify.channels import ChannelError, send
from tachlog.notify.channels.posting import is_open
from tachlog.notify.evaluating import health_of
from tachlog.notify.messages import Message
from tachlog.notify.sending import deliver, send_test
from tachlog.stores import Store, open_store
from tachlog.stores.notices import BACKOFF_S, CLAIM_US, Claimed, Notices, failing
from test_alert_routing import GROUP_INTERVAL_US, GROUP_WAIT_US, NOW, SECOND, alert

LATER = NOW + GROUP_WAIT_US
_clock = count(1)


def keep(store: Store, *alerts: Alert) -> None:
    """Keep alerts as an evaluation does."""
    at_us = NOW - 10**12 + next(_clock) * 60 * SECOND
    changes = [Transition(each, None, at_us, "") for each in alerts]

    def step(alive: Sequence[Alert]) -> tuple[list[Alert], list[Transition]]:
        known = {each.id for each in alerts}
        return [*(each for each in alive if each.id not in known), *alerts], changes

    store.alerting.advance(step, at_us)


def claimed(store: Store, channels: Sequence[Channel], at_us: int) -> list[Claimed]:
    """The messages that this process is to send."""
    return Notices(store.alerting).claim(channels, at_us, UTC)


def run(store: Store, channels: Sequence[Channel], at_us: int, deadline_s: float = 20) -> list[str]:
    """Deliver as of a moment; what became of it."""
    found = deliver(store, channels, UTC, lambda: at_us, deadline_s)
    return [f"{each.channel}: {each.fault or 'sent'}" for each in found]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Give a web server that takes what is posted."""
    with receiving() as found:
        yield found


ME = Channel(name="me", url="stdout")
PRIVATE = "webhook+http://10.255.255.1/hook"


def test_of_two_servers_one_sends_and_a_lost_claim_is_taken_up(archives: Archives) -> None:
    """A claim is one process's; if that never settles it, another goes on after a time-out."""
    url = archives.url()
    one, other = archives.open(url), archives.open(url)
    keep(one, alert(1), alert(2))
    assert claimed(one, [ME], LATER - 1) == []
    (mine,) = claimed(one, [ME], LATER)
    assert [each.id.int for each in mine.notice.firing] == [1, 2]
    assert claimed(other, [ME], LATER) == claimed(other, [ME], LATER + CLAIM_US - 1) == []
    (theirs,) = claimed(other, [ME], LATER + CLAIM_US)
    assert (theirs.entry.digest, theirs.entry.tries) == (mine.entry.digest, 2)
    Notices(one.alerting).settle(mine.entry, "too late", LATER + CLAIM_US)
    Notices(other.alerting).settle(theirs.entry, None, LATER + CLAIM_US)
    (entry,) = Notices(archives.open(url).alerting).entries(NOW)
    assert (entry.state, entry.fault, entry.told) == (
        "sent",
        None,
        {str(UUID(int=1)): "warning", str(UUID(int=2)): "warning"},
    )
    assert claimed(one, [ME], LATER + 2 * GROUP_INTERVAL_US) == []


def test_a_failing_channel_is_tried_again_and_given_up(archives: Archives) -> None:
    """Each try is later than the last; then the message is a dead letter, and the channel fails."""
    store = archives.new()
    keep(store, alert(1))
    notices, at_us = Notices(store.alerting), LATER
    for pause_s in (*BACKOFF_S, None):
        (mine,) = claimed(store, [ME], at_us)
        notices.settle(mine.entry, "no", at_us, tried=False)
        assert notices.entries(NOW)[0].tries == mine.entry.tries - 1
        at_us += BACKOFF_S[-1] * SECOND
        (mine,) = claimed(store, [ME], at_us)
        notices.settle(mine.entry, "no", at_us)
        assert (failing(notices.entries(NOW)) == {}) is (mine.entry.tries == 1)
        if pause_s is not None:
            assert claimed(store, [ME], at_us + pause_s * SECOND - 1) == []
            at_us += pause_s * SECOND
    (entry,) = notices.entries(NOW)
    assert (entry.state, entry.tries, entry.fault) == ("dead", len(BACKOFF_S) + 1, "no")
    assert health_of(store, at_us).failing_channels == 1
    keep(store, alert(1, state="resolved", resolved_us=at_us))
    (ended,) = claimed(store, [ME], at_us + GROUP_INTERVAL_US)
    assert [each.id.int for each in ended.notice.resolved] == [1]
    notices.settle(ended.entry, None, at_us + GROUP_INTERVAL_US)
    assert health_of(store, at_us + GROUP_INTERVAL_US).failing_channels == 0
    notices.forget(at_us + 30 * 86_400 * SECOND)
    assert len(notices.entries(NOW)) == 2


def test_what_is_over_before_it_was_sent_is_not_sent(archives: Archives) -> None:
    """A try tells what is true then: nothing of an alert that ended or that a person silenced."""
    store = archives.new()
    keep(store, alert(1))
    notices = Notices(store.alerting)
    (mine,) = claimed(store, [ME], LATER)
    notices.settle(mine.entry, "no", LATER)
    keep(store, alert(1, state="resolved", resolved_us=LATER))
    assert claimed(store, [ME], LATER + BACKOFF_S[0] * SECOND) == []
    assert notices.entries(NOW) == []
    keep(store, alert(2), alert(3))
    quiet = Silence(UUID(int=9), (("session", "s2"),), NOW, LATER + 10**12, "local")
    store.alerting.keep_silence(quiet)

    def taken(each: Alert) -> Transition:
        return Transition(acknowledge(each, "local", None, NOW), each.state, NOW, "")

    store.alerting.change(UUID(int=3), taken)
    assert claimed(store, [ME], LATER + GROUP_INTERVAL_US) == []


def test_a_clock_that_was_wrong_holds_nothing_back(archives: Archives) -> None:
    """A message that was claimed or put off in the future is free again when the clock is right."""
    store = archives.new()
    keep(store, alert(1))
    notices, wrong = Notices(store.alerting), LATER + 10**13
    (mine,) = claimed(store, [ME], wrong)
    (again,) = claimed(store, [ME], LATER)
    notices.settle(mine.entry, None, wrong)
    notices.settle(again.entry, "no", wrong)
    assert len(claimed(store, [ME], LATER + SECOND)) == 1


def test_a_webhook_is_signed_and_shaped_as_receivers_expect(receiver: Receiver) -> None:
    """The body is Alertmanager's version 4; the header signs time and body; tries have one name."""
    url = f"webhook+http://ana:pass%20word@{receiver.place}/hook?key=1"
    channel = Channel(name="ops", url=url, secret="s3cret")
    fired = alert(1, labels=(("session", "s1"), ("project", "shop\x1b[2J")))
    ended = alert(2, state="resolved", resolved_us=LATER)
    told = Message(
        rule="tool_loop",
        digest="00ff",
        at_us=LATER,
        firing=(fired,),
        resolved=(ended,),
        titles={"s1": "Fix the\nlogin"},
    )
    send(channel, told)
    send(channel, told)
    first, second = receiver.posted
    assert first.path == "/hook?key=1"
    assert first.headers["authorization"] == "Basic YW5hOnBhc3Mgd29yZA=="
    assert first.headers["x-tachlog-delivery"] == second.headers["x-tachlog-delivery"] == "00ff"
    at, _, digest = first.headers["x-tachlog-signature"].partition(",v1=")
    signed = at.removeprefix("t=").encode() + b"." + first.body
    assert hmac.new(b"s3cret", signed, sha256).hexdigest() == digest
    body = json.loads(first.body)
    assert [body[name] for name in ("version", "status", "receiver")] == ["4", "firing", "ops"]
    assert body["groupLabels"] == {"alertname": "tool_loop"}
    assert body["commonLabels"] == {"alertname": "tool_loop", "severity": "warning"}
    one, two = body["alerts"]
    assert (one["status"], one["labels"]["session"]) == ("firing", "s1")
    assert one["annotations"]["title"] == "Fix the login"
    assert (one["startsAt"], one["endsAt"]) == ("2026-09-21T14:13:20.000Z", "0001-01-01T00:00:00Z")
    assert (two["status"], two["endsAt"]) == ("resolved", "2026-09-21T14:13:50.000Z")
    assert len({each["fingerprint"] for each in body["alerts"]}) == 2
    assert "title" not in two["annotations"]
    assert "\x1b" not in "".join(told.lines()) + told.subject


def test_alertmanager_is_told_by_its_api(receiver: Receiver) -> None:
    """Alerts are posted with labels and an end: when they ended, else two repeats on."""
    channel = Channel(name="am", url=f"alertmanager+http://{receiver.place}")
    ended = alert(2, state="resolved", resolved_us=LATER)
    told = Message(rule="tool_loop", digest="0", at_us=NOW, firing=(alert(1),), resolved=(ended,))
    send(channel, told)
    (posted,) = receiver.posted
    assert posted.path == "/api/v2/alerts"
    one, two = json.loads(posted.body)
    assert one["labels"] == {"alertname": "tool_loop", "severity": "warning", "session": "s1"}
    assert (one["endsAt"], two["endsAt"]) == (
        "2026-09-21T22:13:20.000Z",
        "2026-09-21T14:13:50.000Z",
    )


class Inbox:
    """A mail server's hands: the mails that came."""

    def __init__(self) -> None:
        self.mails: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Take a mail."""
        self.mails.append(envelope)
        return "250 OK"


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def test_a_mail_arrives(archives: Archives) -> None:
    """A rule's alert comes as a mail by way of Apprise, and so does its end; content stays home."""
    store, inbox, port = archives.new(), Inbox(), free_port()
    url = f"mailto://127.0.0.1:{port}?from=tachlog@example.org&to=ana@example.org"
    mail = Channel(name="mail", url=url)
    keep(store, alert(1))
    assert run(store, [mail], LATER) == ["mail: mailto: the receiver did not take it"]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        assert run(store, [mail], LATER + SECOND) == []
        again = LATER + BACKOFF_S[0] * SECOND
        assert run(store, [mail], again) == ["mail: sent"]
        assert run(store, [mail], again) == []
        keep(store, alert(1, state="resolved", resolved_us=LATER))
        assert run(store, [mail], again + GROUP_INTERVAL_US) == ["mail: sent"]
    finally:
        controller.stop()
    first, second = [str(each.content, "utf-8") for each in inbox.mails if each.content]
    assert inbox.mails[0].rcpt_tos == ["ana@example.org"]
    assert "tachlog warning: tool loop (1 firing)" in first
    assert "fires =C2=B7 The same tool call 6 times in a row" in first or "6 times" in first
    assert "(1 resolved)" in second


def test_a_channel_that_hangs_does_not_hold_up_others(
    archives: Archives, receiver: Receiver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is given up at the deadline and tried again later; what it had not begun loses no try."""
    store = archives.new()
    receiver.silent = True
    slow = Channel(name="slow", url=f"webhook+http://{receiver.place}/")
    keep(store, alert(1), alert(2, rule="cache_collapse"))
    begun = monotonic()
    found = run(store, [slow, ME], LATER, deadline_s=0.5)
    assert monotonic() - begun < 5
    assert sorted(found) == [
        "me: sent",
        "me: sent",
        "slow: no answer in 0 s",
        "slow: no answer in 0 s",
    ]
    tries = [each.tries for each in Notices(store.alerting).entries(NOW) if each.channel == "slow"]
    assert sorted(tries) == [0, 1]
    assert len(receiver.posted) == 1
    printed = capsys.readouterr().out
    assert "tachlog warning: tool loop (1 firing)\n  fires · The same tool call" in printed


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("webhook+http://10.255.255.1/tok3n", "webhook+http://10.255.255.1/… is in a private netw"),
        ("webhook+http://169.254.169.254/tok3n", "is in a private network; private = true"),
        ("webhook+http://[::ffff:10.0.0.1]/tok3n", "is in a private network"),
        ("webhook+http://127.0.0.1:1/tok3n", "Connection refused"),
        ("webhook+https://u:tok3n@127.0.0.1:99999/", "ValueError"),
        ("webhook+http://127.0.0.1:{port}/tok3n", "answered 500"),
        ("webhook+https://127.0.0.1:{port}/tok3n", "webhook+https://127.0.0.1:"),
        ("carrierpigeon://tok3n", "carrierpigeon: no such kind of channel"),
        ("slack://tok3n", "slack: no such kind of channel, or its URL lacks a part"),
        ("desktop", "notify-send is not on this machine"),
    ],
)
def test_what_cannot_be_sent_is_told_without_secrets(
    receiver: Receiver, url: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason says what to do, never the address's secret parts; private places are refused."""
    monkeypatch.setenv("PATH", "")
    receiver.status = 500
    port = receiver.place.rpartition(":")[2]
    channel = Channel(name="x", url=url.replace("{port}", port))
    with pytest.raises(ChannelError) as raised:
        send_test(channel, NOW)
    assert why in str(raised.value)
    assert "tok3n" not in f"{raised.value}{channel.shown}"


def test_which_addresses_a_webhook_may_go_to() -> None:
    """The open Internet and this machine are open, networks between them need `private`."""
    assert is_open("127.0.0.1")
    assert is_open("::1")
    assert is_open("9.9.9.9")
    closed = ("10.1.2.3", "192.168.0.1", "169.254.169.254", "fe80::1%eth0", "fc00::1", "0.0.0.0")
    assert not any(map(is_open, (*closed, "224.0.0.1", "::ffff:192.168.0.1")))


def test_the_desktop_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """notify-send gets urgency, subject and text as words of their own; its failure is told."""
    command = tmp_path / "notify-send"
    command.write_text(
        f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/told\nexit $(cat {tmp_path}/code)\n'
    )
    command.chmod(0o755)
    (tmp_path / "code").write_text("0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    send_test(Channel(name="d", url="desktop"), NOW)
    told = (tmp_path / "told").read_text().splitlines()
    assert told[:3] == ["--app-name=tachlog", "--urgency=low", "--"]
    assert told[3] == "tachlog info: test (1 firing)"
    (tmp_path / "code").write_text("3")
    with pytest.raises(ChannelError, match="ended with 3"):
        send_test(Channel(name="d", url="desktop"), NOW)


def test_ten_thousand_alerts_are_one_message(archives: Archives) -> None:
    """A flood is one message that counts what it does not tell."""
    alerts = tuple(alert(number) for number in range(10_000))
    told = Message(rule="tool_loop", digest="0", at_us=NOW, firing=alerts)
    assert told.lines()[-1] == "and 9990 more"
    store = archives.new()
    keep(store, *alerts[:1000])
    (mine,) = claimed(store, [ME], LATER)
    Notices(store.alerting).settle(mine.entry, None, LATER)
    assert mine.entry.firing == 1000
    assert claimed(store, [ME], LATER + GROUP_INTERVAL_US) == []


CONFIG = """
[alerts]
accepted = ["high_error_rate"]

[[channels]]
name = "ops"
url = "webhook+http://ana:tok3n@{place}/tok3n"
secret = "s3cret"
severities = ["warning", "critical"]
match = {{ rule = "high_error_rate" }}
quiet_hours = "22:00-07:00"

[[channels]]
name = "team"
url = "slack://tok3nA/tok3nB/tok3nC"
"""


def test_the_command_shows_channels_and_tries_them(tmp_path: Path, receiver: Receiver) -> None:
    """`channels` says how each does, `send-test` sends; secrets are nowhere, dead letters are."""
    desk = Desk(tmp_path)
    (tmp_path / "config.toml").write_text(CONFIG.format(place=receiver.place))
    shown = [desk.run("config"), desk.run("config", "--json")]
    shown.append(desk.run("alerts", "send-test", "ops"))
    assert shown[2].out == f"sent to ops (webhook+http://{receiver.place}/…)\n"
    assert json.loads(receiver.posted[0].body)["alerts"][0]["labels"]["alertname"] == "test"
    shown.append(desk.run("alerts", "send-test", "op"))
    assert "did you mean ops?" in shown[-1].err
    receiver.status = 403
    shown.append(desk.run("alerts", "send-test", "ops"))
    assert (shown[-1].code, "answered 403" in shown[-1].err) == (1, True)
    at_us = round(SCREEN_NOW.timestamp()) * SECOND
    store = open_store(str(tmp_path / ".local/share/tachlog/tachlog.db"))
    notices = Notices(store.alerting)
    keep(store, alert(1, at_us, rule="high_error_rate"))
    ops = Channel(name="ops", url=f"webhook+http://{receiver.place}/")
    for tried in range(len(BACKOFF_S) + 1):
        when = at_us + GROUP_WAIT_US + tried * BACKOFF_S[-1] * SECOND
        assert len(run(store, [ops], when)) == 1
    assert notices.entries(0)[0].state == "dead"
    store.close()
    later = SCREEN_NOW + timedelta(hours=3)
    shown += [desk.run("alerts", "channels", now=later), desk.run("alerts", now=later)]
    assert "CHANNELS · 2, 1 failing" in shown[-2].out
    assert "quiet 22:00-07:00" in " ".join(shown[-2].out.split())
    assert "channel ops fails: webhook+http://" in shown[-1].out
    assert "never sent to ops, after 6 tries until 20 Nov 20:30: high_error_rate" in " ".join(
        shown[-1].out.split()
    )
    (dead,) = json.loads(desk.run("alerts", "--json", now=later).out)["dead"]
    assert (dead["channel"], dead["tries"], dead["firing"]) == ("ops", 6, 1)
    told = "".join(f"{each.out}{each.err}" for each in shown)
    assert "tok3n" not in told
    assert "s3cret" not in told
    (tmp_path / "config.toml").write_text("")
    assert "nobody is told of alerts" in desk.run("alerts", "channels").out


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name = 'a'\nurl = 'tok3n'", "channels[0] (a): url is no URL, nor desktop or stdout"),
        ("name = 'a'\nurl = 'slack://tok3n'\nhint = true", "unknown key hint; did you mean hints?"),
        ("name = 'a'\nurl = 'stdout'\nquiet_hours = '10-11'", "no span such as 22:00-07:00"),
        ("name = 'a'\nurl = 'stdout'\nseverities = ['bad']", "give one of info, warning, critical"),
        (
            "name = 'a'\nurl = 'stdout'\n[[channels]]\nname = 'a'\nurl = 'slack://tok3n'",
            "channels[1] (a): another channel has this name",
        ),
        ("name = 'a'\nurl = 7", "channels[0].url: Expected `str`, got `int`"),
    ],
)
def test_a_channel_that_cannot_be_is_refused(tmp_path: Path, text: str, why: str) -> None:
    """The place and the reason are told, the URL is not."""
    (tmp_path / "config.toml").write_text(f"[[channels]]\n{text}\n")
    with pytest.raises(ConfigError) as raised:
        load({"HOME": str(tmp_path)}, tmp_path / "config.toml")
    assert why in str(raised.value)
    assert "tok3n" not in str(raised.value)


def test_a_table_in_the_place_of_channels_tells_no_secret(tmp_path: Path) -> None:
    """`[channels]` for `[[channels]]` is told without what stands in it."""
    (tmp_path / "config.toml").write_text("[channels]\nname = 'a'\nurl = 'slack://tok3n'\n")
    with pytest.raises(ConfigError, match="channels: Expected `array`") as raised:
        load({"HOME": str(tmp_path)}, tmp_path / "config.toml")
    assert "tok3n" not in str(raised.value)
