"""The words of a date's text, as V8 takes them apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from tockwork.rules.javascript import WHITESPACE


class Kind(Enum):
    NUMBER = auto()
    SYMBOL = auto()
    MONTH = auto()
    HALF_DAY = auto()
    ZONE = auto()
    TIME = auto()
    WORD = auto()
    SPACE = auto()
    OTHER = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Token:
    kind: Kind
    value: int = 0
    length: int = 0
    text: str = ""

    def is_number(self, length: int, low: int, high: int) -> bool:
        """Whether this is a number of so many digits in a range."""
        return self.kind is Kind.NUMBER and self.length == length and low <= self.value <= high

    @property
    def sign(self) -> int:
        return {"+": 1, "-": -1}.get(self.text, 0)

    @property
    def is_z(self) -> bool:
        return self.kind is Kind.ZONE and self.length == 1


_MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec"
_KEYWORDS: Final = (
    {name: (Kind.MONTH, number) for number, name in enumerate(_MONTHS.split(), 1)}
    | {"am": (Kind.HALF_DAY, 0), "pm": (Kind.HALF_DAY, 12), "t": (Kind.TIME, 0)}
    | dict.fromkeys(("ut", "utc", "z", "gmt"), (Kind.ZONE, 0))
    | {"est": (Kind.ZONE, -5), "edt": (Kind.ZONE, -4), "cst": (Kind.ZONE, -6), "cdt": (Kind.ZONE, -5)}
    | {"mst": (Kind.ZONE, -7), "mdt": (Kind.ZONE, -6), "pst": (Kind.ZONE, -8), "pdt": (Kind.ZONE, -7)}
)
_TOKEN = re.compile(
    f"(?P<number>[0-9]+)|(?P<symbol>[-:+.)])|(?P<space>[{WHITESPACE}])|(?P<word>[^\\0-@{WHITESPACE}]+)|(?P<other>.)",
    re.DOTALL,
)
DIGITS: Final = 9  # of a longer number, V8 sees the first nine
END: Final = Token(Kind.END)


def tokens(text: str) -> list[Token]:
    text = text.partition("\0")[0]
    found = []
    place = 0
    while place < len(text):
        if text[place] == "(":
            place = _behind_parentheses(text, place)
            found.append(Token(Kind.OTHER))
            continue
        match = _TOKEN.match(text, place)
        if match is None:
            break
        place = match.end()
        found.append(_token(match))
    return found


def _behind_parentheses(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    return len(text)


def _token(match: re.Match[str]) -> Token:
    text = match[0]
    if match.lastgroup == "number":
        return Token(Kind.NUMBER, int(text.lstrip("0")[:DIGITS] or "0"), len(text))
    if match.lastgroup == "word":
        kind, value = _keyword(text)
        return Token(kind, value, len(text))
    kinds = {"symbol": Kind.SYMBOL, "space": Kind.SPACE}
    return Token(kinds.get(match.lastgroup or "", Kind.OTHER), text=text)


def _keyword(word: str) -> tuple[Kind, int]:
    """What a word means. Its first three letters decide; only months may be longer."""
    start = word[:3]
    found = _KEYWORDS.get(start.lower() if start.isascii() else "", (Kind.WORD, 0))
    return found if len(word) <= 3 or found[0] is Kind.MONTH else (Kind.WORD, 0)
