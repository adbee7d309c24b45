"""When an event happened, as TikTok wants it: whole Unix seconds, UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo
from math import floor

from tockwork.rules.fields import FieldError

MILLISECONDS_FROM = 1e11
"""Numbers from here on are milliseconds: as seconds they would lie beyond the year 5138."""

MAX_AHEAD_S = 24 * 3600
"""An event may claim to come from the future by this much at most (clocks differ; days do not)."""

_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?")


def event_time(text: str, now: float, zone: tzinfo = UTC) -> int:
    """Unix seconds, rounded down, of ISO 8601 text or of Unix seconds or milliseconds in digits.

    Text without an offset is local time in `zone`. `now` is the time that counts as now, in Unix seconds. Raises
    `FieldError` (``bad_timestamp``) when the text is neither, or more than 24 hours ahead of `now`.
    """
    if text.isdigit():
        seconds = _digits(text)
    else:
        try:
            moment = datetime.fromisoformat(text)
            seconds = moment.timestamp() if moment.tzinfo else _seconds(moment, zone)
        except ValueError:
            seconds = _written_otherwise(text, zone)
    if seconds > now + MAX_AHEAD_S:
        raise FieldError("bad_timestamp", "timestamp: more than 24 hours ahead of the time it was received")
    return floor(seconds)


def _digits(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise FieldError("bad_timestamp", "timestamp: expected ISO 8601, such as 2026-11-20T09:30:00Z, or Unix seconds")
    number = float(text)
    return number / 1000 if abs(number) >= MILLISECONDS_FROM else number


def _written_otherwise(text: str, zone: tzinfo) -> float:
    """Lower-case letters, space around it, or a number with a sign or a fraction."""
    try:
        moment = datetime.fromisoformat(text.strip().upper())
    except ValueError:
        return _digits(text.strip())
    return _seconds(moment, zone)


def _seconds(moment: datetime, zone: tzinfo) -> float:
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    except (OverflowError, ValueError):
        raise FieldError("bad_timestamp", "timestamp: out of range") from None
