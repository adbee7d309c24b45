"""Dates in words and figures as the locale en-US, in which Segment runs, prints them."""

from __future__ import annotations

from typing import Final

from tockwork.rules.liquid.dates.calendar import Moment

_MONTHS: Final = "January February March April May June July August September October November December"
MONTHS: Final = tuple(_MONTHS.split())

_WEEKDAYS: Final = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday"
WEEKDAYS: Final = tuple(_WEEKDAYS.split())


def date(moment: Moment) -> str:
    """1/2/2020; years before Christ are counted backwards, without saying so."""
    year = moment.year if moment.year > 0 else 1 - moment.year
    return f"{moment.month}/{moment.day}/{year}"


def time(moment: Moment) -> str:
    """3:04:05 PM"""
    return f"{moment.hour % 12 or 12}:{moment.minute:02}:{moment.second:02} {'AM' if moment.hour < 12 else 'PM'}"


def date_time(moment: Moment) -> str:
    return f"{date(moment)}, {time(moment)}"
