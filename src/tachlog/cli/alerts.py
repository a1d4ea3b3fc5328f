"""The verb `alerts`: what fires, what fired, what would have fired; who takes it on."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final
from uuid import uuid4

from msgspec.structs import replace

from tachlog import figures as fmt
from tachlog.analysis.alerting.evaluation import evaluate
from tachlog.analysis.alerting.lifecycle import Alert, Transition, acknowledge
from tachlog.analysis.alerting.rehearsal import DAYS
from tachlog.analysis.alerting.rules import Rule
from tachlog.analysis.alerting.silences import Silence, suppressed
from tachlog.analysis.units import rfc3339
from tachlog.cli.alert_lines import (
    HISTORY_DAYS,
    LEAST_ID,
    Alerts,
    Tested,
    alert_lines,
    alert_view,
    channel_lines,
    channel_views,
    dead_views,
    happened,
    history_lines,
    rehearsal_lines,
    silence_view,
    test_lines,
)
from tachlog.cli.answering import Answer, Ask
from tachlog.cli.calling import Misuse, Unanswered
from tachlog.cli.moments import moment_us
from tachlog.cli.parser import near
from tachlog.notify.accepting import accept
from tachlog.notify.evaluating import (
    activity_of,
    evaluate_rules,
    gated,
    rehearse_rules,
    rules_in_force,
    rules_to_choose,
)
from tachlog.stores import Store
from tachlog.stores.notices import Notices

DAY_US: Final = 86_400_000_000
_SPAN: Final = re.compile(r"(\d{1,4})([mhdw])")
_SPAN_US: Final = {"m": 60_000_000, "h": 3_600_000_000, "d": DAY_US, "w": 7 * DAY_US}


def alerts(ask: Ask) -> Answer:
    """Answer `tachlog alerts`."""
    what, *words = ask.options.what or ["show"]
    doing = _DOING.get(what)
    if doing is None:
        raise Misuse(f"there is no {what!r} of alerts{near(what, _DOING)}: give {_names()}")
    if not ask.has_archive and doing is not _send_test:
        raise Unanswered(f"{ask.archive}: there is no archive yet; tachlog analyze makes one")
    return doing(ask, words)


def _names() -> str:
    return ", ".join(_DOING)


def _no_more(words: Sequence[str]) -> None:
    if words:
        raise Misuse(f"{words[0]!r} is not expected here")


def _show(ask: Ask, words: Sequence[str]) -> Answer:
    _no_more(words)
    now_us, rules = ask.caller.now_us, rules_in_force(ask.config)
    with ask.store() as store:
        evaluate_rules(store, rules, ask.zone, now_us)
        quiet = gated(store, rules, ask.zone, now_us)
        silences = store.alerting.silences(now_us)
        found = store.alerting.history(now_us - HISTORY_DAYS * DAY_US)
        titles = _titles(store, found)
        entries = Notices(store.alerting).entries(now_us - HISTORY_DAYS * DAY_US)
    why = suppressed(found, silences, now_us)
    views = [alert_view(alert, why.get(alert.id)) for alert in found]
    answer = Alerts(
        [view for view in views if view.state != "resolved"],
        [view for view in views if view.state == "resolved"],
        [silence_view(silence) for silence in silences],
        sorted(quiet),
        channel_views(ask.config.channels, entries),
        dead_views(entries),
    )
    return Answer(answer, lambda: alert_lines(answer, titles, ask))


def _ack(ask: Ask, words: Sequence[str]) -> Answer:
    prefix, *note = words or _missing("the id of an alert, or the beginning of it")
    now_us, by = ask.caller.now_us, "local"
    text = " ".join(note) or ask.options.note
    with ask.store() as store:
        alert = _one(store, prefix)

        def taken(alert: Alert) -> Transition:
            after = acknowledge(alert, by, text, now_us)
            return Transition(after, alert.state, now_us, f"acknowledged by {by}")

        try:
            changed = store.alerting.change(alert.id, taken).alert
        except ValueError as error:
            raise Unanswered(f"alert {str(alert.id)[:LEAST_ID]}: {error}") from None
    line = f"{changed.rule} is acknowledged: quiet until it ends, then armed again"
    return Answer(alert_view(changed, None), lambda: [line])


def _history(ask: Ask, words: Sequence[str]) -> Answer:
    prefix, *rest = words or _missing("the id of an alert, or the beginning of it")
    _no_more(rest)
    with ask.store() as store:
        alert = _one(store, prefix)
        found = store.alerting.transitions(alert.id)
    data = {"alert": alert_view(alert, None), "transitions": [happened(each) for each in found]}
    return Answer(data, lambda: history_lines(alert, found, ask))


def _silence(ask: Ask, words: Sequence[str]) -> Answer:
    if not words:
        raise Misuse("what is to be silent? give a rule, or LABEL=VALUE …")
    pairs = [word.partition("=") for word in words]
    matches = tuple((name, value) if sign else ("rule", name) for name, sign, value in pairs)
    now_us = ask.caller.now_us
    ends_us = now_us + _span_us(getattr(ask.options, "for") or "2h")
    silence = Silence(uuid4(), matches, now_us, ends_us, "local", ask.options.note)
    with ask.store() as store:
        store.alerting.keep_silence(silence)
    told = " ".join(f"{name}={value}" for name, value in matches)
    until = fmt.clock(rfc3339(ends_us), ask.zone)
    day = fmt.day(rfc3339(ends_us), ask.zone)
    short = str(silence.id)[:LEAST_ID]
    line = f"silent until {day} {until}: {told} (tachlog alerts unsilence {short} ends it)"
    return Answer(silence_view(silence), lambda: [line])


def _unsilence(ask: Ask, words: Sequence[str]) -> Answer:
    prefix, *rest = words or _missing("the id of a silence, or the beginning of it")
    _no_more(rest)
    now_us = ask.caller.now_us
    with ask.store() as store:
        found = [s for s in store.alerting.silences(now_us) if str(s.id).startswith(prefix)]
        if len(found) != 1:
            raise Unanswered(f"{prefix}: {'no' if not found else 'more than one'} such silence")
        ended = replace(found[0], ends_us=now_us)
        store.alerting.keep_silence(ended)
    return Answer(silence_view(ended), lambda: ["the silence is over"])


def _test(ask: Ask, words: Sequence[str]) -> Answer:
    name, *rest = words or _missing("the name of a rule")
    _no_more(rest)
    rule = _rule(ask, name)
    now_us = ask.caller.now_us
    at_us = now_us
    if ask.options.at is not None:
        try:
            at_us = moment_us(ask.options.at, now_us, ask.zone, day_ends=True)
        except ValueError as error:
            raise Misuse(f"--at: {error}") from None
    with ask.store() as store:
        activity = activity_of(store, ask.zone, at_us, at_us, is_now=at_us == now_us)
    found = [
        Tested(v.rule, dict(v.labels), v.holds, v.severity, v.message, v.measures)
        for v in evaluate([rule], activity, at_us)
    ]
    return Answer(found, lambda: test_lines(rule, found, at_us, ask))


def _rehearse(ask: Ask, words: Sequence[str]) -> Answer:
    _no_more(words)
    with ask.store() as store:
        rules = rules_in_force(ask.config)
        found = rehearse_rules(store, rules, ask.zone, ask.caller.now_us, ask.options.days or DAYS)
    by_name = {rule.name: rule for rule in rules}
    return Answer(found, lambda: rehearsal_lines(found, by_name, ask))


def _accept(ask: Ask, words: Sequence[str]) -> Answer:
    name, *values = words or _missing("the name of a rule")
    _rule(ask, name)
    if len(values) > 1:
        raise Misuse(f"{name} takes one value")
    try:
        value = float(values[0]) if values else None
    except ValueError:
        raise Misuse(f"{values[0]!r} is no number") from None
    try:
        accepted = accept(ask.loaded, name, value)
    except ValueError as error:
        raise Misuse(str(error)) from None
    line = f"{accepted.told}, in {ask.loaded.path}"
    return Answer({"rule": name, "value": accepted.value}, lambda: [line])


def _channels(ask: Ask, words: Sequence[str]) -> Answer:
    _no_more(words)
    with ask.store() as store:
        entries = Notices(store.alerting).entries(ask.caller.now_us - HISTORY_DAYS * DAY_US)
    found = channel_views(ask.config.channels, entries)
    return Answer(found, lambda: channel_lines(found, ask))


def _send_test(ask: Ask, words: Sequence[str]) -> Answer:
    from tachlog.notify.channels import ChannelError
    from tachlog.notify.sending import send_test

    name, *rest = words or _missing("the name of a channel")
    _no_more(rest)
    channels = {each.name: each for each in ask.config.channels}
    if name not in channels:
        raise Misuse(f"there is no channel {name!r}{near(name, channels)}")
    try:
        send_test(channels[name], ask.caller.now_us)
    except ChannelError as error:
        raise Unanswered(f"channel {name}: {error}") from None
    line = f"sent to {name} ({channels[name].shown})"
    return Answer({"channel": name, "sent": True}, lambda: [line])


def _rule(ask: Ask, name: str) -> Rule:
    rules = {rule.name: rule for rule in rules_to_choose(ask.config)}
    if name not in rules:
        raise Misuse(f"there is no rule {name!r} in force{near(name, rules)}")
    return rules[name]


def _missing(what: str) -> list[str]:
    raise Misuse(f"something is missing: {what}")


def _one(store: Store, prefix: str) -> Alert:
    found = store.alerting.find(prefix)
    if len(found) != 1:
        raise Unanswered(f"{prefix}: {'no' if not found else 'more than one'} such alert")
    return found[0]


def _span_us(text: str) -> int:
    found = _SPAN.fullmatch(text)
    if found is None:
        raise Misuse(f"--for: {text!r} is no time such as 30m, 2h, 3d")
    return int(found[1]) * _SPAN_US[found[2]]


def _titles(store: Store, found: Sequence[Alert]) -> dict[str, str]:
    """The titles of the sessions that alerts name."""
    titles: dict[str, str] = {}
    for session in {dict(alert.labels).get("session") for alert in found} - {None}:
        assert session is not None
        told = store.session(session)
        titles[session] = (told[0].title or "") if told else ""
    return titles


_DOING: Final[dict[str, Callable[[Ask, Sequence[str]], Answer]]] = {
    "show": _show,
    "ack": _ack,
    "history": _history,
    "silence": _silence,
    "unsilence": _unsilence,
    "test": _test,
    "rehearse": _rehearse,
    "accept": _accept,
    "channels": _channels,
    "send-test": _send_test,
}
