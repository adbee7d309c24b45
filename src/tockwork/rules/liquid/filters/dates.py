"""Filters of dates. What is no date stays as it is."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from tockwork.rules.javascript import UNDEFINED
from tockwork.rules.liquid import values
from tockwork.rules.liquid.coercion import add, is_number, number, primitive
from tockwork.rules.liquid.context import Context, Filter
from tockwork.rules.liquid.dates import date_text, zones
from tockwork.rules.liquid.dates.calendar import MINUTE, clip, moment
from tockwork.rules.liquid.dates.strftime import Date, strftime
from tockwork.rules.liquid.filters.adapters import of_values
from tockwork.rules.liquid.values import is_nothing, plain, text

_SECONDS = re.compile("[0-9]+")
_READING: Final = 20
"""Reading a date takes so much longer than reading text."""


def _date(context: Context, value: Any, form: Any = UNDEFINED, zone: Any = UNDEFINED) -> Any:
    context.meter.reserve(number(add(_length(value), _length(zone))))
    date = _read(context, value, zone)
    if date is None:
        return value
    form = plain(form)
    return strftime(date, "%A, %B %-e, %Y at %-l:%M %P %z" if is_nothing(form) else text(form), context.meter)


def _length(value: Any) -> Any:
    found = values.length(value)
    return 0 if is_nothing(found) else found


def _for_mail(context: Context, value: Any) -> Any:
    found = _read(context, value, UNDEFINED)
    return value if found is None else strftime(found, "%a, %d %b %Y %H:%M:%S %z", context.meter)


def _for_xml(context: Context, value: Any) -> Any:
    return _date(context, value, "%Y-%m-%dT%H:%M:%S%:z")


def _in_words(month: str) -> Filter:
    def date(context: Context, value: Any, style: Any = UNDEFINED, country: Any = UNDEFINED) -> Any:
        found = _read(context, value, UNDEFINED)
        if found is None:
            return value
        form = f"%d {month} %Y"
        if style == "ordinal":
            form = f"{month} %-d%q, %Y" if country == "US" else f"%-d%q {month} %Y"
        return strftime(found, form, context.meter)

    return of_values(date)


def _read(context: Context, value: Any, zone: Any) -> Date | None:
    """The date that a value stands for, as it is shown in the zone: a name, or minutes behind UTC."""
    value = plain(value)
    if is_nothing(value):
        return None
    milliseconds = _milliseconds(context, value)
    offset = _offset(zone, milliseconds)
    shown = clip(milliseconds - offset * MINUTE)
    if math.isnan(shown):
        return None
    name = "UTC" if is_nothing(zone) else zone if isinstance(zone, str) else ""
    return Date(moment(shown), milliseconds, offset, name)


def _offset(zone: Any, milliseconds: float) -> float:
    if isinstance(zone, str):
        return math.nan if math.isnan(milliseconds) else zones.offset(zone, milliseconds)
    return 0 if is_nothing(zone) else number(zone)


def _milliseconds(context: Context, value: Any) -> float:
    """Milliseconds since 1970 began; NaN for no date. Numbers, and texts of digits only, are seconds."""
    if isinstance(value, str) and value in ("now", "today"):
        value = context.event_text("receivedAt", "timestamp")
    if is_number(value) or (isinstance(value, str) and _SECONDS.fullmatch(value)):
        return clip(number(value) * 1000)
    value = primitive(value)
    if isinstance(value, str):
        context.meter.work(_READING * len(value))
        return date_text.parse(value)
    return clip(number(value))


FILTERS: Final[dict[str, Filter]] = {
    "date": of_values(_date),
    "date_to_long_string": _in_words("%B"),
    "date_to_rfc822": of_values(_for_mail),
    "date_to_string": _in_words("%b"),
    "date_to_xmlschema": of_values(_for_xml),
}
