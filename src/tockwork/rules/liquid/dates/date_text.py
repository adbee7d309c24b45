"""`Date.parse` as V8 does it: ISO 8601, and failing that almost anything with a few numbers in it.

What V8 accepts is defined nowhere but in V8; the behaviour here was found by comparing with it. Local time is UTC.
"""

from __future__ import annotations

import math

from tockwork.rules.liquid.dates.calendar import DAY, clip, days
from tockwork.rules.liquid.dates.date_tokens import DIGITS, END, Kind, Token, tokens


class NoDate(Exception):  # noqa: N818 - not an error: most texts are no dates
    """The text is no date."""


class _Day:
    """Up to three numbers, which become year, month and day."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.month: int | None = None
        self.iso = False

    def add(self, number: int) -> None:
        if len(self.numbers) == 3:
            raise NoDate
        self.numbers.append(number)

    def days(self) -> int:
        """Days since 1970 began."""
        if not self.numbers:
            raise NoDate
        year, month, day = self._ordered(*[*self.numbers, 1, 1][:3])
        if not self.iso and 0 <= year <= 99:
            year += 2000 if year <= 49 else 1900
        if not (1 <= month <= 12 and 1 <= day <= 31):
            raise NoDate
        return days(year, month, day)

    def _ordered(self, first: int, second: int, third: int) -> tuple[int, int, int]:
        starts_with_day = 1 <= first <= 31
        if self.month is not None:
            return (second, self.month, first) if starts_with_day else (first, self.month, second)
        return (third, first, second) if starts_with_day and not self.iso else (first, second, third)


class _Time:
    """Up to four numbers: hour, minute, second, millisecond."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.half_day: int | None = None

    def expects(self, number: int) -> bool:
        limits = {1: 59, 2: 59, 3: 999}
        return number <= limits.get(len(self.numbers), -1)

    def add(self, number: int) -> None:
        if len(self.numbers) == 4:
            raise NoDate
        self.numbers.append(number)

    def finish(self, number: int) -> None:
        """Add the last number that was written, if there is room for it."""
        self.numbers = [*self.numbers, number, 0, 0, 0][:4]

    def milliseconds(self) -> int:
        hour, minute, second, millisecond = [*self.numbers, 0, 0, 0, 0][:4]
        if self.half_day is not None:
            if hour > 12:
                raise NoDate
            hour = hour % 12 + self.half_day
        valid = hour <= 23 and minute <= 59 and second <= 59 and millisecond <= 999
        if not valid and (hour, minute, second, millisecond) != (24, 0, 0, 0):
            raise NoDate
        return ((hour * 60 + minute) * 60 + second) * 1000 + millisecond


class _Zone:
    """The offset from UTC."""

    def __init__(self) -> None:
        self.sign: int | None = None
        self.hour: int | None = None
        self.minute: int | None = None

    def set(self, hours: int) -> None:
        self.sign, self.hour, self.minute = -1 if hours < 0 else 1, abs(hours), 0

    @property
    def is_utc(self) -> bool:
        return self.hour == 0 and self.minute == 0

    def expects(self, number: int) -> bool:
        return self.hour is not None and self.minute is None and number <= 59

    def milliseconds(self) -> int:
        seconds = ((self.hour or 0) * 3600 + (self.minute or 0) * 60) % 2**32  # absurd offsets overflow, as in V8
        if seconds >= 2**31:
            raise NoDate
        return (self.sign or 0) * seconds * 1000


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._place = 0
        self.day = _Day()
        self.time = _Time()
        self.zone = _Zone()

    def _peek(self) -> Token:
        return self._tokens[self._place] if self._place < len(self._tokens) else END

    def _next(self) -> Token:
        token = self._peek()
        self._place += 1
        return token

    def _skip(self, symbol: str) -> bool:
        found = self._peek().kind is Kind.SYMBOL and self._peek().text == symbol
        self._place += found
        return found

    def _number(self, length: int, high: int, low: int = 0) -> int:
        """The next number, which must have so many digits and be in a range."""
        if not self._peek().is_number(length, low, high):
            raise NoDate
        return self._next().value

    def milliseconds(self) -> int:
        self._legacy(self._iso())
        return self.day.days() * DAY + self.time.milliseconds() - self.zone.milliseconds()

    # --- ISO 8601 ----------------------------------------------------------------------------------------------------

    def _iso(self) -> Token:
        """Read a date and time of ISO 8601; hand back the first token that is none of it."""
        stray = self._iso_date()
        if stray is not None:
            return stray
        if self._peek().kind is Kind.TIME:
            self._next()
            self._iso_time()
            self._iso_zone()
            if self._peek() is not END:
                raise NoDate
        elif self._peek() is not END:
            return self._next()
        self.day.iso = True
        return END

    def _iso_date(self) -> Token | None:
        if self._peek().sign:
            sign = self._next()
            if not self._peek().is_number(6, 0, 999_999):
                return sign
            year = self._next().value
            if sign.sign < 0 and year == 0:
                return sign
            self.day.add(sign.sign * year)
        elif self._peek().is_number(4, 0, 9999):
            self.day.add(self._next().value)
        else:
            return self._next()
        for high in (12, 31):
            if not self._skip("-"):
                return None
            if not self._peek().is_number(2, 1, high):
                return self._next()
            self.day.add(self._next().value)
        return None

    def _iso_time(self) -> None:
        hour = self._number(2, 24)
        rest = 0 if hour == 24 else 59
        self.time.add(hour)
        if not self._skip(":"):
            raise NoDate
        self.time.add(self._number(2, rest))
        if not self._skip(":"):
            return
        self.time.add(self._number(2, rest))
        if not self._skip("."):
            return
        fraction = self._next()
        if fraction.kind is not Kind.NUMBER or (hour == 24 and fraction.value > 0):
            raise NoDate
        self.time.add(_milliseconds(fraction))

    def _iso_zone(self) -> None:
        if self._peek().is_z:
            self._next()
            self.zone.set(0)
        elif self._peek().sign:
            self.zone.sign = self._next().sign
            if self._peek().kind is Kind.NUMBER and self._peek().length == 4:
                self.zone.hour, self.zone.minute = divmod(self._next().value, 100)
                if self.zone.hour > 23 or self.zone.minute > 59:
                    raise NoDate
                return
            self.zone.hour = self._number(2, 23)
            if not self._skip(":"):
                raise NoDate
            self.zone.minute = self._number(2, 59)

    # --- anything else -----------------------------------------------------------------------------------------------

    def _legacy(self, token: Token) -> None:
        has_number = bool(self.day.numbers)
        while token is not END:
            if token.kind is Kind.NUMBER:
                has_number = True
                self._legacy_number(token.value)
            elif token.kind in (Kind.MONTH, Kind.HALF_DAY, Kind.ZONE, Kind.TIME, Kind.WORD):
                self._legacy_word(token, has_number)
            elif token.sign and (self.zone.is_utc or self.time.numbers):
                has_number = True
                self._legacy_offset(token.sign)
            elif (token.sign or token.text == ")") and has_number:
                raise NoDate
            token = self._next()

    def _legacy_number(self, number: int) -> None:
        if self._skip(":"):
            if not self._skip(":"):
                self.time.add(number)
                self._skip(".")
                return
            if self.time.numbers:
                raise NoDate
            self.time.numbers += [number, 0]
        elif self._skip(".") and self.time.expects(number):
            self.time.add(number)
            if self._peek().kind is not Kind.NUMBER:
                raise NoDate
            self.time.finish(_milliseconds(self._next()))
        elif self.zone.expects(number):
            self.zone.minute = number
        elif self.time.expects(number):
            self.time.finish(number)
            following = self._peek()
            if not (following is END or following.kind is Kind.SPACE or following.is_z or following.sign):
                raise NoDate
        else:
            self.day.add(number)
            self._skip("-")

    def _legacy_word(self, word: Token, has_number: bool) -> None:
        if word.kind is Kind.HALF_DAY and self.time.numbers:
            self.time.half_day = word.value
        elif word.kind is Kind.MONTH:
            self.day.month = word.value
            self._skip("-")
        elif word.kind is Kind.ZONE and has_number:
            self.zone.set(word.value)
        elif has_number or self._peek().kind is Kind.NUMBER:
            raise NoDate

    def _legacy_offset(self, sign: int) -> None:
        number = self._next() if self._peek().kind is Kind.NUMBER else Token(Kind.NUMBER)
        self.zone.sign = sign
        if self._peek().text == ":":
            self.zone.hour, self.zone.minute = number.value, None
        elif number.length in (1, 2):
            self.zone.hour, self.zone.minute = number.value, 0
        elif number.length in (3, 4):
            self.zone.hour, self.zone.minute = divmod(number.value, 100)
        else:
            raise NoDate


def _milliseconds(fraction: Token) -> int:
    """The first three of a fraction's digits; V8 forgets that leading zeros are digits too where there are many."""
    length = min(fraction.length, DIGITS)
    return int(fraction.value * 10 ** (3 - length) if length <= 3 else fraction.value // 10 ** (length - 3))


def parse(text: str) -> float:
    """Milliseconds since 1970 began, or NaN for what V8 takes for no date."""
    try:
        return clip(_Parser(tokens(text)).milliseconds())
    except NoDate:
        return math.nan
