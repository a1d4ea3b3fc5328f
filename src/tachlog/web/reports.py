"""The weekly reports: which weeks there are, and each of them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from tachlog.report.weeks import Report, monday_of, report_of, weeks_of
from tachlog.web.endpoints import Asked, Endpoint, NoParameters
from tachlog.web.problems import Refusal
from tachlog.web.spending import book_of


class Week(Struct, frozen=True):
    """A week in which models were called: `2026-W47`, its first day, what it came to."""

    week: str
    first: str
    calls: int
    total_tokens: int
    cost_usd: float | None


class Weeks(Struct, frozen=True):
    """The weeks that have a report, the latest first."""

    time_zone: str
    weeks: list[Week]


def reports(asked: Asked[NoParameters]) -> Weeks:
    """Which weeks there are."""
    book, zone = book_of(asked), asked.config.display.time_zone
    return Weeks(
        zone,
        [
            Week(row.key, monday_of(row.key).isoformat(), row.calls, row.total_tokens, row.cost_usd)
            for row in weeks_of(asked.store, time_zone=zone, prices=book.version, price=book.price)
            if row.key is not None
        ],
    )


def report(asked: Asked[NoParameters]) -> Report:
    """The same as `tachlog report --format json`."""
    book = book_of(asked)
    try:
        return report_of(
            asked.store,
            asked.place["week"],
            asked.config.billing,
            time_zone=asked.config.display.time_zone,
            prices=book.version,
            price=book.price,
        )
    except ValueError as error:
        raise Refusal(404, str(error)[:200]) from None


REPORTS: Final = Endpoint("/api/v1/reports", "the weeks that have a report", reports, Weeks)
REPORT: Final = Endpoint(
    "/api/v1/reports/{week}",
    "a week's report: `2026-W47`, one that is not over included",
    report,
    Report,
)
ENDPOINTS: Final = [REPORTS, REPORT]
