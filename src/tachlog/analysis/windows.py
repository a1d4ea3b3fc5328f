"""What happened today, in 7 and in 30 days, and whether the last week is unlike those before.

Days are cut in the display time zone. A week is compared with the four before it, day by day, by
the rank-sum test, so that noise is called flat; a day that is not over yet takes no part.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import cache
from zoneinfo import ZoneInfo

from msgspec import Struct, field
from msgspec.structs import replace

from tachlog.analysis.archive import Archive
from tachlog.analysis.ranks import direction_of
from tachlog.analysis.selection import Quarter, Selection, Shifts
from tachlog.analysis.trends import Direction
from tachlog.metrics import QUARTER_US, SessionMetrics, Sketch
from tachlog.metrics.sketch import merge, quantile

WEEK = 7
BASE_DAYS = 28
DAYS = WEEK + BASE_DAYS
LENGTHS = (1, 7, 30)
OLD_DAYS = 30
"""When nothing happened for so long, windows end with the last day on which something did."""

LEAST_DAYS = 4
LEAST_BASE_DAYS = 7
_WEEK_QUARTERS = 7 * 96
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SUMS = (
    "sessions",
    "sub_agents",
    "calls",
    "tokens",
    "cost_nanousd",
    "unpriced_calls",
    "operations",
    "errors",
)


class Day(Struct):
    """What happened in some days.

    `cost_nanousd` sums the `calls` that are not `unpriced_calls`, `models` has it by model.
    """

    sessions: int = 0
    sub_agents: int = 0
    calls: int = 0
    tokens: int = 0
    cost_nanousd: int = 0
    unpriced_calls: int = 0
    operations: int = 0
    errors: int = 0
    models: Counter[str] = field(default_factory=Counter)
    response_times: Sketch = field(default_factory=dict)

    @property
    def cost(self) -> int | None:
        """The cost in nano-dollars; None when there are calls and none has a price."""
        return None if self.calls and self.calls == self.unpriced_calls else self.cost_nanousd

    @property
    def error_rate(self) -> float | None:
        """Errors per operation; None without operations."""
        return self.errors / self.operations if self.operations else None

    @property
    def p95_us(self) -> int | None:
        """The 95th percentile of the response times; None without any."""
        return quantile(self.response_times, 0.95)


class Begun(Struct, frozen=True):
    """When threads began: the first and the last moment of all (µs, None without any).

    `sessions` and `sub_agents` count them by the quarter hour of their start, with which the days
    of every time zone begin.
    """

    first_us: int | None
    last_us: int | None
    sessions: dict[int, int]
    sub_agents: dict[int, int]


class Window(Struct, frozen=True):
    """The last `days` days together."""

    days: int
    figures: Day


class Change(Struct, frozen=True):
    """A measure's last seven days, oldest first, and how the week compares with the four before.

    `change` is relative (0.42: +42 %). Both are None when it is too early to tell. `n` counts the
    days that were compared.
    """

    values: list[float | None]
    direction: Direction | None
    change: float | None
    n: int


class Windows(Struct, frozen=True):
    """Windows that end with the day `until`: today, or where all logs are old the last day of them.

    `first` and `last` are the days of the first and the last activity, None without any. `mover` is
    the model that most of the week's change in cost is due to, where several are used.
    """

    until: date
    current: bool
    first: date | None = None
    last: date | None = None
    windows: list[Window] = field(default_factory=list)
    changes: dict[str, Change] = field(default_factory=dict)
    mover: str | None = None

    @property
    def days(self) -> int:
        """How many days there are from the first activity to the end of the windows."""
        return 0 if self.first is None else (self.until - self.first).days + 1


MEASURES: dict[str, Callable[[Day], float | None]] = {
    "sessions": lambda day: day.sessions,
    "sub_agents": lambda day: day.sub_agents,
    "tokens": lambda day: day.tokens,
    "cost": lambda day: day.cost,
    "error_rate": lambda day: day.error_rate,
    "p95": lambda day: day.p95_us,
}
PER_DAY = frozenset({"sessions", "sub_agents", "tokens", "cost"})
"""The measures that add up over days, so that weeks are compared by their daily means."""


def windows_of(
    archive: Archive,
    selection: Selection,
    begun: Begun,
    *,
    zone: tzinfo,
    now_us: int,
) -> Windows:
    """Cut what the selected threads did into windows; a selection by time has none of its own."""
    today = local_date(now_us, zone)
    if begun.first_us is None or begun.last_us is None:
        return Windows(today, True)
    first, last = local_date(begun.first_us, zone), local_date(begun.last_us, zone)
    current = (today - last).days < OLD_DAYS
    until = today if current else last
    if selection.since_us is not None or selection.until_us is not None:
        return Windows(until, current, first, last)
    edges = [midnight_us(until + timedelta(days=place), zone) for place in range(1 - DAYS, 2)]
    since = replace(selection, since_us=edges[0])
    days = _days(begun, archive.quarters(since), archive.response_times(since), edges)
    span = (until - first).days + 1
    known = days[-span:]
    week, base = known[-WEEK:], known[:-WEEK]
    # Today is not over, so that it cannot be compared with whole days.
    recent = week[:-1] if until == today else week
    return Windows(
        until,
        current,
        first,
        last,
        [Window(length, total(known[-length:])) for length in LENGTHS],
        {name: _change(name, week, recent, base) for name in MEASURES},
        _mover(recent, base),
    )


def begun_of(threads: Iterable[SessionMetrics]) -> Begun:
    """When threads began; those that did nothing are left out."""
    known = [(m.start_us, m.end_us, m.parent is None) for m in threads if m.start_us is not None]
    return Begun(
        min((start_us for start_us, _, _ in known), default=None),
        max((end_us for _, end_us, _ in known if end_us is not None), default=None),
        dict(Counter(start_us // QUARTER_US for start_us, _, is_main in known if is_main)),
        dict(Counter(start_us // QUARTER_US for start_us, _, is_main in known if not is_main)),
    )


def also_begun(a: Begun, b: Begun) -> Begun:
    """When the threads of both began."""
    return Begun(
        min((us for us in (a.first_us, b.first_us) if us is not None), default=None),
        max((us for us in (a.last_us, b.last_us) if us is not None), default=None),
        dict(Counter(a.sessions) + Counter(b.sessions)),
        dict(Counter(a.sub_agents) + Counter(b.sub_agents)),
    )


def zone_of(name: str) -> tzinfo:
    """The time zone of a name; UTC needs no zone files on the machine."""
    return UTC if name == "UTC" else ZoneInfo(name)


def local_date(at_us: int, zone: tzinfo) -> date:
    """The day on which something happened, in a zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone).date()


def shifts_of(zone: tzinfo) -> Shifts:
    """How far the clocks of a zone are ahead of UTC; they change at most once in a week."""

    def ahead(quarter: int) -> int:
        at = _EPOCH + timedelta(microseconds=quarter * QUARTER_US)
        shift = at.astimezone(zone).utcoffset() or timedelta()
        return round(shift / timedelta(microseconds=QUARTER_US))

    def shifts(first: int, last: int) -> list[tuple[int, int]]:
        found = [(first, ahead(first))]
        for week in range(first, last + 1, _WEEK_QUARTERS):
            until = min(week + _WEEK_QUARTERS, last + 1)
            if ahead(until) != found[-1][1]:
                now = ahead(until)
                changed = bisect_left(range(week, until), True, key=lambda at: ahead(at) == now)
                found.append((week + changed, now))
        return found

    return shifts


def midnight_us(day: date, zone: tzinfo) -> int:
    """When a day begins in a zone."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1_000_000


def days_in(zone: str) -> Callable[[int], int]:
    """A function from a quarter hour (UTC) to the first one of its day in a zone."""
    info = ZoneInfo(zone)

    @cache
    def first(quarter: int) -> int:
        day = datetime.fromtimestamp(quarter * QUARTER_US // 1_000_000, info).date()
        return midnight_us(day, info) // QUARTER_US

    return first


def total(days: Iterable[Day]) -> Day:
    """Several days as one."""
    both = Day()
    for day in days:
        for name in _SUMS:
            setattr(both, name, getattr(both, name) + getattr(day, name))
        both.models.update(day.models)
        merge(both.response_times, day.response_times)
    return both


def _days(
    begun: Begun,
    quarters: Iterable[Quarter],
    responses: Iterable[tuple[int, Sketch]],
    edges: Sequence[int],
) -> list[Day]:
    """What happened on each of the days between the edges."""
    days = [Day() for _ in edges[1:]]

    def day_of(at_us: int) -> Day | None:
        place = bisect_right(edges, at_us) - 1
        return days[place] if 0 <= place < len(days) else None

    for number, count in begun.sessions.items():
        if day := day_of(number * QUARTER_US):
            day.sessions += count
    for number, count in begun.sub_agents.items():
        if day := day_of(number * QUARTER_US):
            day.sub_agents += count
    for quarter in quarters:
        if day := day_of(quarter.quarter * QUARTER_US):
            _add_quarter(day, quarter)
    for number, sketch in responses:
        if day := day_of(number * QUARTER_US):
            merge(day.response_times, sketch)
    return days


def _add_quarter(day: Day, quarter: Quarter) -> None:
    day.calls += quarter.calls
    day.tokens += quarter.tokens
    day.cost_nanousd += quarter.cost_nanousd
    day.unpriced_calls += quarter.unpriced_calls
    errors = quarter.tool_errors + quarter.failures
    day.operations += quarter.calls + quarter.tool_successes + errors
    day.errors += errors
    if quarter.model is not None:
        day.models[quarter.model] += quarter.cost_nanousd


def _change(name: str, week: list[Day], recent: list[Day], base: list[Day]) -> Change:
    measure = MEASURES[name]
    values = [measure(day) for day in week]
    now = [value for day in recent if (value := measure(day)) is not None]
    before = [value for day in base if (value := measure(day)) is not None]
    if len(now) < LEAST_DAYS or len(before) < LEAST_BASE_DAYS:
        return Change(values, None, None, len(now) + len(before))
    if name in PER_DAY:
        level, usual = sum(now) / len(now), sum(before) / len(before)
    else:
        level, usual = measure(total(recent)) or 0, measure(total(base)) or 0
    return Change(
        values,
        direction_of(now, before),
        (level - usual) / usual if usual else None,
        len(now) + len(before),
    )


def _mover(recent: Sequence[Day], base: Sequence[Day]) -> str | None:
    """The model whose daily cost changed most, if that is more than half of the change."""
    if not recent or not base:
        return None
    now, before = total(recent).models, total(base).models
    changes = {
        model: now[model] / len(recent) - before[model] / len(base)
        for model in sorted(now.keys() | before.keys())
    }
    whole = sum(changes.values())
    if len(changes) < 2 or not whole:
        return None
    most = max(changes, key=lambda model: changes[model] / whole)
    return most if changes[most] / whole > 0.5 else None
