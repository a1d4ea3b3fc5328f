"""When a small team works: by day, on weekdays, with a nightly job."""

from __future__ import annotations

from datetime import datetime, timedelta

from tachlog.demo.dice import Dice

WEEKS = 5
DAYS = WEEKS * 7

# Shares of the sessions that begin in each hour (UTC), from 6 to 20.
HOURS = (1, 4, 9, 12, 11, 9, 4, 8, 11, 10, 8, 5, 3, 2, 1)
FIRST_HOUR = 6
WEEKDAYS = (10, 11, 10, 11, 8, 1, 1)


class Calendar:
    """The five weeks that end at `until`, a time with a zone."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        self.until_ms = milliseconds(until)
        self._midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
        self._by_hour = [
            FIRST_HOUR + place for place, share in enumerate(HOURS) for _ in range(share)
        ]
        before = [self._midnight - timedelta(days=ago) for ago in range(1, DAYS)]
        self._by_day = [day for day in before for _ in range(WEEKDAYS[day.weekday()])]
        self._workdays = [day for day in before if day.weekday() < 5]

    def workday(self, ago: int, hour: int, minute: int = 0) -> int:
        """A time on the `ago`-th workday before the last day; the first of them is 1."""
        return milliseconds(self._workdays[ago - 1] + timedelta(hours=hour, minutes=minute))

    def before_the_end(self, minutes: int) -> int:
        """A time shortly before `until`."""
        return self.until_ms - minutes * 60_000

    def some_time(self, dice: Dice) -> int:
        """A time at which someone may begin a session, at least nine hours before `until`."""
        day = dice.pick(self._by_day)
        seconds = dice.pick(self._by_hour) * 3_600 + dice.between(0, 3_599)
        start_ms = milliseconds(day) + seconds * 1_000 + dice.between(0, 999)
        return min(start_ms, self.until_ms - 9 * 3_600_000)

    def some_night(self, dice: Dice) -> int:
        """A time at which the nightly job begins."""
        day = self._midnight - timedelta(days=dice.between(1, DAYS - 1))
        return milliseconds(day) + 2 * 3_600_000 + dice.between(0, 240_000)


def milliseconds(at: datetime) -> int:
    """A time as milliseconds since 1970."""
    return int(at.timestamp()) * 1_000 + at.microsecond // 1_000
