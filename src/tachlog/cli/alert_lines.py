"""Alerts as people and programs read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from tachlog import figures as fmt
from tachlog.analysis.alerting.channels import Channel
from tachlog.analysis.alerting.lifecycle import Alert
from tachlog.analysis.alerting.rehearsal import DAYS, Rehearsed
from tachlog.analysis.alerting.rules import Rule
from tachlog.analysis.alerting.silences import Silence
from tachlog.analysis.units import optional_rfc3339, rfc3339
from tachlog.cli.answering import Ask
from tachlog.cli.naming import ShortIds
from tachlog.cli.table import Column, table
from tachlog.stores.alerting import Happened
from tachlog.stores.notices import Entry, failing

HISTORY_DAYS: Final = 14
LEAST_ID: Final = 8
MOST_DEAD: Final = 5
_STYLES: Final = {"critical": "red", "warning": "yellow", "info": "cyan"}


class AlertView(Struct, frozen=True, kw_only=True):
    """An alert; `suppressed` says why nobody is told of it (noisy, silenced, inhibited)."""

    id: str
    type: str
    severity: str
    state: str
    message: str
    labels: dict[str, str]
    context: dict[str, float]
    triggered_at: str | None
    resolved_at: str | None
    acknowledged: bool
    acknowledged_by: str | None
    acknowledged_at: str | None
    note: str | None
    suppressed: str | None


class SilenceView(Struct, frozen=True):
    """A silence."""

    id: str
    matches: dict[str, str]
    begins: str
    ends: str
    by: str
    note: str | None


class ChannelView(Struct, frozen=True, kw_only=True):
    """A channel: where it goes (no secrets), whom for, how it does.

    `sent` counts messages of the past two weeks, `waiting` those that are tried again; `fault` is
    why the last one could not be sent.
    """

    name: str
    url: str
    severities: list[str]
    match: dict[str, str]
    quiet_hours: str
    hints: bool
    failing: bool
    sent: int
    waiting: int
    last_sent: str | None
    fault: str | None


class DeadView(Struct, frozen=True):
    """A message that was given up: which, how often it was tried, why it could not be sent."""

    channel: str
    rule: str
    firing: int
    resolved: int
    tries: int
    at: str
    fault: str


class Alerts(Struct, frozen=True):
    """What `tachlog alerts --json` prints: what fires now, what fired before, who is silenced.

    `noisy` are the rules that tell nobody until their value is set or accepted; `channels` says of
    each channel how it does, `dead` are messages that it was given up to send.
    """

    firing: list[AlertView]
    resolved: list[AlertView]
    silences: list[SilenceView]
    noisy: list[str]
    channels: list[ChannelView]
    dead: list[DeadView]


class Tested(Struct, frozen=True):
    """What a rule says of a group at one moment; `holds` is None where that is not known."""

    rule: str
    labels: dict[str, str]
    holds: bool | None
    severity: str
    message: str
    measures: dict[str, float]


def alert_view(alert: Alert, why: str | None) -> AlertView:
    """An alert; `why` says why nobody is told of it."""
    return AlertView(
        id=str(alert.id),
        type=alert.rule,
        severity=alert.severity,
        state=alert.state,
        message=alert.message,
        labels=dict(alert.labels),
        context=alert.measures,
        triggered_at=optional_rfc3339(alert.fired_us),
        resolved_at=optional_rfc3339(alert.resolved_us),
        acknowledged=alert.acknowledged_us is not None,
        acknowledged_by=alert.by,
        acknowledged_at=optional_rfc3339(alert.acknowledged_us),
        note=alert.note,
        suppressed=why,
    )


def silence_view(silence: Silence) -> SilenceView:
    """A silence."""
    begins, ends = rfc3339(silence.begins_us), rfc3339(silence.ends_us)
    matches = dict(silence.matches)
    return SilenceView(str(silence.id), matches, begins, ends, silence.by, silence.note)


def channel_views(channels: Iterable[Channel], entries: Sequence[Entry]) -> list[ChannelView]:
    """Channels with what their messages say of them; the latest messages come first."""
    failures = failing(entries)
    found = []
    for channel in channels:
        mine = [each for each in entries if each.channel == channel.name]
        sent = [each for each in mine if each.state == "sent"]
        settled = max(mine, key=lambda each: each.settled_us or 0, default=None)
        found.append(
            ChannelView(
                name=channel.name,
                url=channel.shown,
                severities=list(channel.severities),
                match=channel.match,
                quiet_hours=channel.quiet_hours,
                hints=channel.hints,
                failing=channel.name in failures,
                sent=len(sent),
                waiting=sum(each.state in ("waiting", "claimed") for each in mine),
                last_sent=optional_rfc3339(
                    max((each.settled_us or 0 for each in sent), default=0) or None
                ),
                fault=None if settled is None else settled.fault,
            )
        )
    return found


def dead_views(entries: Iterable[Entry]) -> list[DeadView]:
    """The messages that were given up."""
    return [
        DeadView(
            each.channel,
            each.rule,
            each.firing,
            each.resolved,
            each.tries,
            rfc3339(each.settled_us or each.claimed_us),
            each.fault or "",
        )
        for each in entries
        if each.state == "dead"
    ]


def happened(each: Happened) -> dict[str, Any]:
    """A transition as JSON has it."""
    told = {"at": rfc3339(each.at_us), "before": each.before, "state": each.state}
    return told | {"severity": each.severity, "why": each.why}


_COLUMNS = (
    Column(""),
    Column("SINCE"),
    Column("SEVERITY", spare=1),
    Column("RULE"),
    Column("WHAT", least=30),
    Column("WHERE", least=12),
    Column("STATE"),
)


def alert_lines(found: Alerts, titles: dict[str, str], ask: Ask) -> Iterator[str]:
    """What fires, what fired, what is silent; `titles` of sessions by id."""
    firing = fmt.plural(len(found.firing), "alert fires", "alerts fire")
    facts = f" · {firing} · {len(found.resolved)} ended in the past {HISTORY_DAYS} days"
    yield fmt.line([("ALERTS", "bold"), facts], ask.width, ask.has_color)
    for heading, views in (("", found.firing), ("ENDED", found.resolved[:10])):
        if views:
            yield ""
            rows = [_row(view, titles, ask) for view in views]
            columns = [_COLUMNS[0]._replace(heading=heading), *_COLUMNS[1:]]
            yield from table(columns, rows, ask.width, ask.has_color)
    yield ""
    for silence in found.silences:
        told = " ".join(f"{name}={value}" for name, value in silence.matches.items())
        until = f"{fmt.day(silence.ends, ask.zone)} {fmt.clock(silence.ends, ask.zone)}"
        yield f"silent until {until}: {told}  {silence.id[:LEAST_ID]}"
    if found.noisy:
        text = (
            f"noisy, so that nobody is told: {', '.join(found.noisy)}; tachlog alerts rehearse"
            " suggests values, tachlog alerts accept RULE [VALUE] sets one"
        )
        yield from fmt.wrap(text, ask.width)
    for channel in found.channels:
        if channel.failing:
            yield from fmt.wrap(f"channel {channel.name} fails: {channel.fault}", ask.width)
    for dead in found.dead[:MOST_DEAD]:
        when = f"{fmt.day(dead.at, ask.zone)} {fmt.clock(dead.at, ask.zone)}"
        what = f"never sent to {dead.channel}, after {dead.tries} tries until {when}: {dead.rule}"
        yield from fmt.wrap(f"{what} ({dead.fault})", ask.width)
    if found.firing:
        yield "tachlog alerts ack ID · tachlog alerts silence RULE --for 2h"


def _row(view: AlertView, titles: dict[str, str], ask: Ask) -> list[str]:
    at = view.triggered_at or ""
    return [
        view.id[:LEAST_ID],
        f"{fmt.day(at, ask.zone)} {fmt.clock(at, ask.zone)}" if at else "",
        view.severity,
        view.type,
        view.message,
        _where(view.labels, titles),
        view.suppressed or view.state,
    ]


def _where(labels: dict[str, str], titles: dict[str, str]) -> str:
    told = []
    for name, value in labels.items():
        if name == "session":
            (short,) = ShortIds([value]).values()
            told.append(f"{short} {titles.get(value, '')}".strip())
        else:
            told.append(value)
    return " ".join(told)


def history_lines(alert: Alert, found: Sequence[Happened], ask: Ask) -> Iterator[str]:
    """What happened to one alert."""
    style = _STYLES[alert.severity]
    yield fmt.line([(alert.rule, style), f" · {alert.message}"], ask.width, ask.has_color)
    for each in found:
        at = rfc3339(each.at_us)
        when = f"{fmt.day(at, ask.zone)} {fmt.clock(at, ask.zone)}"
        yield fmt.line([f"{when}  {each.state}: {each.why}"], ask.width, ask.has_color)


def test_lines(rule: Rule, found: Sequence[Tested], at_us: int, ask: Ask) -> Iterator[str]:
    """What a rule says of each group at a moment."""
    at = datetime.fromisoformat(rfc3339(at_us)).astimezone(ask.zone)
    value = "" if rule.text.value is None else f", value {rule.text.value:g}"
    facts = f" · {rule.text.when}{value} · {at:%a} {at.day} {at:%b %Y %H:%M}"
    yield fmt.line([(rule.name, "bold"), facts], ask.width, ask.has_color)
    for each in found:
        holds = "not known" if each.holds is None else "fires" if each.holds else "does not fire"
        where = " ".join(each.labels.values()) or "all"
        told = ", ".join(f"{name} {value:,.4g}" for name, value in each.measures.items())
        yield fmt.line([f"{holds:14}{where}  {told}"], ask.width, ask.has_color)
    if not found:
        yield "nothing was going on"


def channel_lines(found: Sequence[ChannelView], ask: Ask) -> Iterator[str]:
    """The channels, and how they do."""
    failing = sum(each.failing for each in found)
    facts = f" · {len(found)}{f', {failing} failing' if failing else ''}"
    yield fmt.line([("CHANNELS", "bold"), facts], ask.width, ask.has_color)
    yield ""
    if not found:
        text = "nobody is told of alerts: add a [[channels]] to the configuration (docs/alerts.md)"
        yield from fmt.wrap(text, ask.width)
        return
    for each in found:
        told = [each.name, each.url, ", ".join(each.severities)]
        told += [f"{name}={value}" for name, value in each.match.items()]
        told += [f"quiet {each.quiet_hours}"] if each.quiet_hours else []
        yield from fmt.wrap(" · ".join(told), ask.width)
        at = each.last_sent
        last = f", last {fmt.day(at, ask.zone)} {fmt.clock(at, ask.zone)}" if at else ""
        waits = f", {each.waiting} waiting" if each.waiting else ""
        fault = f"; {each.fault}" if each.fault else ""
        lines = fmt.wrap(f"{each.sent} sent{last}{waits}{fault}", ask.width - 2)
        yield from (f"  {line}" for line in lines)
    yield ""
    yield "tachlog alerts send-test CHANNEL"


_REHEARSED = (
    Column("RULE"),
    Column("VALUE", right=True),
    Column("WOULD HAVE FIRED", right=True),
    Column("A DAY", right=True),
    Column("SESSIONS", right=True),
    Column("SUGGESTED", right=True),
    Column(""),
)


def rehearsal_lines(found: Sequence[Rehearsed], rules: dict[str, Rule], ask: Ask) -> Iterator[str]:
    """How rules would have done."""
    days = found[0].days if found else DAYS
    facts = (
        f" · the past {fmt.plural(days, 'day')}, {found[0].of_sessions if found else 0} sessions"
    )
    yield fmt.line([("REHEARSAL", "bold"), facts], ask.width, ask.has_color)
    yield ""
    rows = [
        [
            each.rule,
            "" if each.value is None else f"{each.value:g}",
            fmt.count(each.fired),
            f"{each.per_day:.2g}" if each.fired else "",
            "" if each.share_of_sessions is None else fmt.percent(each.share_of_sessions),
            "" if each.suggested is None else f"{each.suggested:g}",
            "noisy: nobody is told" if each.is_gated else "set by you" * rules[each.rule].is_set,
        ]
        for each in found
    ]
    yield from table(_REHEARSED, rows, ask.width, ask.has_color)
    yield ""
    text = (
        "suggested: the value beyond which one hundredth of what was measured lies; tachlog alerts"
        " accept RULE [VALUE] takes a value, or says that the rule is right as it is"
    )
    yield from fmt.wrap(text, ask.width)
