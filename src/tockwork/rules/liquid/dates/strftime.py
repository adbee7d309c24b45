"""Prints a date by a format, with the directives of liquidjs' `date` filter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tockwork.rules.javascript import number_text
from tockwork.rules.liquid.dates import american
from tockwork.rules.liquid.dates.calendar import Moment
from tockwork.rules.liquid.meter import Meter
from tockwork.rules.liquid.text import lower, upper

_DIRECTIVE = re.compile("%([-_0^#:]+)?([0-9]+)?([EO])?([^\n\r\u2028\u2029])")
_PRINTING: Final = 100
"""Printing a directive takes so much longer than reading a character."""


@dataclass(frozen=True, slots=True)
class Date:
    """A moment as the clock at some place shows it: `offset` minutes behind UTC, `zone` by name if it has one."""

    shown: Moment
    milliseconds: float
    offset: float
    zone: str


@dataclass(frozen=True, slots=True)
class _Directive:
    flags: str
    width: int
    letter: str


def _ordinal(date: Date, _: _Directive) -> str:
    day = date.shown.day
    return "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def _fraction(date: Date, directive: _Directive) -> str:
    width = directive.width or 9
    return f"{date.shown.millisecond:03}"[:width].ljust(width, "0")


def _offset(date: Date, directive: _Directive) -> str:
    hours, minutes = divmod(abs(date.offset), 60)
    colon = ":" if ":" in directive.flags else ""
    return f"{'-' if date.offset > 0 else '+'}{_two_digits(hours)}{colon}{_two_digits(minutes)}"


def _two_digits(number: float) -> str:
    return number_text(number).rjust(2, "0")


def _shown(read: Callable[[Moment], Any]) -> Callable[[Date, _Directive], Any]:
    return lambda date, _: read(date.shown)


_LETTERS: Final[dict[str, Callable[[Date, _Directive], Any]]] = {
    "a": _shown(lambda shown: american.WEEKDAYS[shown.weekday][:3]),
    "A": _shown(lambda shown: american.WEEKDAYS[shown.weekday]),
    "b": _shown(lambda shown: american.MONTHS[shown.month - 1][:3]),
    "B": _shown(lambda shown: american.MONTHS[shown.month - 1]),
    "c": _shown(american.date_time),
    "C": _shown(lambda shown: shown.year // 100),
    "d": _shown(lambda shown: shown.day),
    "e": _shown(lambda shown: shown.day),
    "h": _shown(lambda shown: american.MONTHS[shown.month - 1][:3]),
    "H": _shown(lambda shown: shown.hour),
    "I": _shown(lambda shown: shown.hour % 12 or 12),
    "j": _shown(lambda shown: shown.day_of_year),
    "k": _shown(lambda shown: shown.hour),
    "l": _shown(lambda shown: shown.hour % 12 or 12),
    "L": _shown(lambda shown: shown.millisecond),
    "m": _shown(lambda shown: shown.month),
    "M": _shown(lambda shown: shown.minute),
    "N": _fraction,
    "p": _shown(lambda shown: "AM" if shown.hour < 12 else "PM"),
    "P": _shown(lambda shown: "am" if shown.hour < 12 else "pm"),
    "q": _ordinal,
    "s": lambda date, _: int(date.milliseconds // 1000),
    "S": _shown(lambda shown: shown.second),
    "u": _shown(lambda shown: shown.weekday or 7),
    "U": _shown(lambda shown: shown.week(0)),
    "w": _shown(lambda shown: shown.weekday),
    "W": _shown(lambda shown: shown.week(1)),
    "x": _shown(american.date),
    "X": _shown(american.time),
    "y": _shown(lambda shown: shown.year % 100),
    "Y": _shown(lambda shown: shown.year),
    "z": _offset,
    "Z": lambda date, directive: date.zone or _offset(date, directive),
    "t": lambda *_: "\t",
    "n": lambda *_: "\n",
    "%": lambda *_: "%",
}
_WIDTHS: Final = dict.fromkeys("CdeHIklmMSUWy", 2) | {"j": 3, "L": 3, "Y": 4}
_PADDED_WITH_SPACES: Final = "aAbBceklpP"


def strftime(date: Date, form: str, meter: Meter) -> str:
    """The date in the format; a directive that nobody knows stays as it is. Raises Fault for absurd widths."""

    def print_directive(match: re.Match[str]) -> str:
        meter.work(_PRINTING)
        return _print(date, match, meter)

    return _DIRECTIVE.sub(print_directive, form)


def _print(date: Date, match: re.Match[str], meter: Meter) -> str:
    directive = _Directive(match[1] or "", _width(match[2]), match[4])
    convert = _LETTERS.get(directive.letter)
    if convert is None:
        return match[0]
    meter.work(directive.width)
    shown = str(convert(date, directive))
    if "^" in directive.flags:
        shown = upper(shown)
    elif "#" in directive.flags:
        shown = upper(shown) if any("a" <= character <= "z" for character in shown) else lower(shown)
    return _pad(shown, directive)


def _width(digits: str | None) -> int:
    return int((digits or "0").lstrip("0")[:10] or "0")


def _pad(shown: str, directive: _Directive) -> str:
    width = directive.width or _WIDTHS.get(directive.letter, 0)
    pad = " " if directive.letter in _PADDED_WITH_SPACES else "0"
    if "_" in directive.flags:
        pad = " "
    elif "0" in directive.flags:
        pad = "0"
    if "-" in directive.flags:
        width = 0
    sign = "-" if pad == "0" and shown.startswith("-") else ""
    return sign + shown[len(sign) :].rjust(width - len(sign), pad)
