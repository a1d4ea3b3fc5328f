"""The weekly report, sent once to each channel: late rather than never, by one server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from zoneinfo import ZoneInfo

import msgspec

from tachlog.config import Config
from tachlog.model import key_of
from tachlog.notify.channels import send_report
from tachlog.notify.messages import Weekly
from tachlog.notify.sending import Sent, fault_of
from tachlog.pricing import PriceBook, load_overrides
from tachlog.report.facts import without_hints
from tachlog.report.pictures import png_of
from tachlog.report.rendering import mail, markdown
from tachlog.report.schedule import last_due_us, receivers
from tachlog.report.telling import one_thing, title
from tachlog.report.weeks import Report, monday_of, report_of, week_before
from tachlog.stores import Store
from tachlog.stores.notices import Notices


def deliver_report(store: Store, config: Config, clock: Callable[[], int]) -> list[Sent]:
    """Send the report of the last week to the channels that do not have it yet.

    A report that was due while nothing ran is sent when something runs again, until the next one is
    due; as long as the archive is empty there is none.
    """
    reporting = config.report
    channels = receivers(reporting, config.channels)
    if not reporting.schedule or not channels:
        return []
    due_zone = ZoneInfo(reporting.time_zone or config.display.time_zone)
    due_us = last_due_us(reporting.schedule, due_zone, clock())
    week = week_before(due_us, config.display.time_zone)
    if store.last_read_us() is None:
        return []
    notices = Notices(store.alerting)
    place = monday_of(week).toordinal()
    due = [each for each in channels if notices.is_report_due(each.name, place, clock())]
    if not due:
        return []
    found = _report(store, config, week)
    told: list[Sent] = []
    for channel in due:
        entry = notices.claim_report(channel.name, place, clock())
        if entry is None:
            continue
        message = weekly_of(found if channel.hints else without_hints(found), entry.claimed_us)
        fault = fault_of(channel.kind, partial(send_report, channel, message))
        notices.settle(entry, fault, clock())
        told.append(Sent(channel.name, entry.rule, fault))
    return told


def _report(store: Store, config: Config, week: str) -> Report:
    own = config.prices.file
    book = PriceBook(load_overrides(own) if own else None)
    return report_of(
        store,
        week,
        config.billing,
        time_zone=config.display.time_zone,
        prices=book.version,
        price=book.price,
    )


def weekly_of(report: Report, at_us: int) -> Weekly:
    """A report as channels are told of it; pictures where their renderer is installed."""
    body, pictures = mail(report, png_of)
    return Weekly(
        week=report.week,
        digest=f"{key_of('weekly report', report.week):016x}",
        at_us=at_us,
        subject=title(report),
        first=one_thing(report),
        markdown=markdown(report),
        html=body,
        pictures=pictures,
        report=msgspec.Raw(msgspec.json.encode(report, enc_hook=str)),
    )
