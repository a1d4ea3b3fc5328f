"""Tell the channels of a configuration what is due: each by itself, none for long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import tzinfo
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread
from time import monotonic
from typing import Final
from uuid import UUID

from msgspec import Struct

from tachlog.analysis.alerting.channels import Channel
from tachlog.analysis.alerting.lifecycle import Alert
from tachlog.notify.channels import ChannelError, send
from tachlog.notify.messages import Message
from tachlog.stores import Store
from tachlog.stores.notices import Claimed, Notices

DEADLINE_S: Final = 30.0
"""How long one run waits for its channels; what is not sent by then is tried again."""

TEST_RULE: Final = "test"

_Said = tuple[Claimed, str | None, bool]


class Sent(Struct, frozen=True):
    """What became of one message: `fault` is None when it was sent."""

    channel: str
    rule: str
    fault: str | None


def deliver(
    store: Store,
    channels: Sequence[Channel],
    zone: tzinfo,
    clock: Callable[[], int],
    deadline_s: float = DEADLINE_S,
) -> list[Sent]:
    """Send what is due, and keep what became of it.

    A channel that fails is not tried with its other messages; one that hangs is given up at the
    deadline, and its thread is left to itself.
    """
    notices = Notices(store.alerting)
    at_us = clock()
    claimed = notices.claim(channels, at_us, zone)
    if not claimed:
        return []
    said: SimpleQueue[_Said] = SimpleQueue()
    over = Event()
    for channel in channels:
        mine = [each for each in claimed if each.entry.channel == channel.name]
        if mine:
            messages = [_message(store, channel, each, at_us) for each in mine]
            work = (channel, mine, messages, said, over)
            Thread(target=_tell, args=work, name=f"tachlog-{channel.name}", daemon=True).start()
    found: list[Sent] = []
    until = monotonic() + deadline_s
    waiting = list(claimed)
    hanging: set[str] = set()
    while waiting:
        try:
            each, fault, tried = said.get(timeout=max(until - monotonic(), 0))
            waiting.remove(each)
        except Empty:
            over.set()
            each, fault = waiting.pop(0), f"no answer in {deadline_s:.0f} s"
            tried = each.entry.channel not in hanging
            hanging.add(each.entry.channel)
        notices.settle(each.entry, fault, clock(), tried=tried)
        found.append(Sent(each.entry.channel, each.entry.rule, fault))
    notices.forget(at_us)
    return found


def send_test(channel: Channel, now_us: int) -> None:
    """Tell a channel that it works; raises `ChannelError`."""
    alert = Alert(
        id=UUID(int=0),
        rule=TEST_RULE,
        labels=(("agent", "tachlog"),),
        state="firing",
        severity="info",
        message="This channel works: what fires will be told here",
        measures={},
        since_us=now_us,
        fired_us=now_us,
    )
    message = Message(rule=TEST_RULE, digest=f"{now_us:016x}", at_us=now_us, firing=(alert,))
    fault = fault_of(channel.kind, lambda: send(channel, message))
    if fault is not None:
        raise ChannelError(fault)


def fault_of(kind: str, work: Callable[[], None]) -> str | None:
    """Why a channel could not be told within the deadline; None: it was told."""
    said: SimpleQueue[str | None] = SimpleQueue()
    Thread(target=lambda: said.put(_fault(kind, work)), daemon=True).start()
    try:
        return said.get(timeout=DEADLINE_S)
    except Empty:
        return f"no answer in {DEADLINE_S:.0f} s"


def _tell(
    channel: Channel,
    claimed: list[Claimed],
    messages: list[Message],
    said: SimpleQueue[_Said],
    over: Event,
) -> None:
    fault: str | None = None
    for each, message in zip(claimed, messages, strict=True):
        if over.is_set():
            return
        tried = fault is None
        fault = fault or _fault(channel.kind, partial(send, channel, message))
        said.put((each, fault, tried))


def _fault(kind: str, work: Callable[[], None]) -> str | None:
    """Why a channel could not be told."""
    try:
        work()
    except ChannelError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - nothing of it may keep the others from being told
        return f"{kind}: {type(error).__name__}"
    return None


def _message(store: Store, channel: Channel, claimed: Claimed, at_us: int) -> Message:
    notice = claimed.notice
    titles: dict[str, str] = {}
    if channel.hints:
        for alert in (*notice.firing, *notice.resolved):
            session = dict(alert.labels).get("session")
            told = store.session(session) if session else None
            if session and told and told[0].title:
                titles[session] = told[0].title
    return Message(
        rule=claimed.entry.rule,
        digest=claimed.entry.digest,
        at_us=at_us,
        firing=tuple(notice.firing),
        resolved=tuple(notice.resolved),
        titles=titles,
    )
