"""Named time zones, as JavaScript's `Intl` knows them, from the time zone database of the host."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from tockwork.rules.liquid.dates import american, date_text
from tockwork.rules.liquid.dates.calendar import DAY, MINUTE, moment
from tockwork.rules.liquid.fault import Fault

_OFFSET = re.compile("([+-])([01][0-9]|2[0-3])(?::?([0-5][0-9]))?")
_NOT_IN_INTL: Final = ("factory", "localtime", "posixrules")
_ABBREVIATED: Final = {
    "act": "Australia/Darwin",
    "aet": "Australia/Sydney",
    "agt": "America/Argentina/Buenos_Aires",
    "art": "Africa/Cairo",
    "ast": "America/Anchorage",
    "bet": "America/Sao_Paulo",
    "bst": "Asia/Dhaka",
    "cat": "Africa/Maputo",
    "cnt": "America/St_Johns",
    "cst": "America/Chicago",
    "ctt": "Asia/Shanghai",
    "eat": "Africa/Nairobi",
    "ect": "Europe/Paris",
    "iet": "America/Indiana/Indianapolis",
    "ist": "Asia/Kolkata",
    "jst": "Asia/Tokyo",
    "mit": "Pacific/Apia",
    "net": "Asia/Yerevan",
    "nst": "Pacific/Auckland",
    "plt": "Asia/Karachi",
    "pnt": "America/Phoenix",
    "prt": "America/Puerto_Rico",
    "pst": "America/Los_Angeles",
    "sst": "Pacific/Guadalcanal",
    "vst": "Asia/Ho_Chi_Minh",
}
"""The old abbreviations that ICU keeps."""

_CYCLE: Final = 146_097 * DAY  # 400 years, after which the calendar and its weekdays repeat
_FIRST: Final = -62_135_596_800_000 + 2 * DAY
_LONG_YEARS: Final = _FIRST + 100 * 366 * DAY
_LAST: Final = 253_402_300_799_999 - 2 * DAY


def offset(name: str, milliseconds: float) -> float:
    """Minutes by which the zone is behind UTC at that moment. Raises Fault for a name that is none.

    liquidjs prints the moment in both zones, to the second and without the era, and reads what it has printed. That
    does no harm, except to years of two digits.
    """
    ahead = 1000 * _seconds_ahead(name, milliseconds)
    if milliseconds > _LONG_YEARS:
        return -ahead / MINUTE
    here, there = (date_text.parse(american.date_time(moment(milliseconds + more))) for more in (0, ahead))
    return (here - there) / MINUTE


def _seconds_ahead(name: str, milliseconds: float) -> int:
    fixed = _OFFSET.fullmatch(name)
    if fixed:
        seconds = int(fixed[2]) * 3600 + int(fixed[3] or 0) * 60
        return -seconds if fixed[1] == "-" else seconds
    key = _names().get(name.lower())
    if key is None:
        raise Fault("expected the name of a time zone")
    difference = _datetime(milliseconds).astimezone(ZoneInfo(key)).utcoffset() or timedelta()
    return difference // timedelta(seconds=1)


def _datetime(milliseconds: float) -> datetime:
    """The moment, or one for which the zone's rules are the same where Python has no such year."""
    if milliseconds > _LAST:
        milliseconds = _LAST - _CYCLE + (milliseconds - _LAST) % _CYCLE
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=max(milliseconds, _FIRST))


@cache
def _names() -> dict[str, str]:
    names = {name.lower(): name for name in available_timezones()} | _ABBREVIATED
    return {name: key for name, key in names.items() if name not in _NOT_IN_INTL}
