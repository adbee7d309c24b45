"""The calendar of JavaScript's dates: Gregorian in both directions, without leap seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

DAY: Final = 86_400_000
MINUTE: Final = 60_000
_LAST: Final = 8_640_000_000_000_000
_ERA: Final = 146_097  # days in 400 years


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment as a clock and a calendar show it; `weekday` is 0 on Sundays."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    millisecond: int
    weekday: int

    @property
    def day_of_year(self) -> int:
        lengths = (31, 29 if self._is_leap_year else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
        return sum(lengths[: self.month - 1]) + self.day

    @property
    def _is_leap_year(self) -> bool:
        """As liquidjs counts, for which the year 0 is none."""
        return self.year % 4 == 0 and (self.year % 100 != 0 or (self.year % 400 == 0 and self.year != 0))

    def week(self, first_weekday: int) -> int:
        """The week of the year, where weeks begin on `first_weekday` and days before the first one are in week 0."""
        return (self.day_of_year - 1 - (self.weekday - first_weekday) % 7 + 7) // 7


def clip(milliseconds: float) -> float:
    """Whole milliseconds since 1970, or NaN beyond what JavaScript has dates for."""
    return math.trunc(milliseconds) if abs(milliseconds) <= _LAST else math.nan


def moment(milliseconds: float) -> Moment:
    """What a clock shows so many whole milliseconds after 1970 began."""
    days, rest = divmod(int(milliseconds), DAY)
    year, month, day = _date(days)
    minutes, rest = divmod(rest, MINUTE)
    return Moment(year, month, day, *divmod(minutes, 60), *divmod(rest, 1000), (days + 4) % 7)


def _date(days: int) -> tuple[int, int, int]:
    # Counted in years that begin in March, so that the leap day is a year's last.
    era, day = divmod(days + 719_468, _ERA)
    year = (day - day // 1_460 + day // 36_524 - day // 146_096) // 365
    day -= 365 * year + year // 4 - year // 100
    month = (5 * day + 2) // 153
    return year + 400 * era + (month >= 10), (month + 2) % 12 + 1, day - (153 * month + 2) // 5 + 1


def days(year: int, month: int, day: int) -> int:
    """Days since 1970 began; a day beyond the end of its month runs into the next."""
    year -= month <= 2
    era, year = divmod(year, 400)
    day_of_year = (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    return era * _ERA + year * 365 + year // 4 - year // 100 + day_of_year - 719_468
