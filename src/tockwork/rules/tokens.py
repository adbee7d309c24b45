"""The words of triggers: Segment's FQL, from text to tokens.

What is a token, and what is none, is as in npm's @segment/fql-ts 1.10, which reads UTF-16 units.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal, NoReturn

import msgspec

from tockwork.rules.javascript import units, whole

MAX_LENGTH: Final = 100_000  # of one string, number or word, in UTF-16 units


class TriggerError(ValueError):
    """Raised for a trigger that Segment cannot read. `column` counts characters from 1."""

    def __init__(self, message: str, column: int) -> None:
        self.column = column
        super().__init__(f"column {column}: {message}")


Kind = Literal["word", "dot", "operator", "conditional", "string", "number", "null", "open", "close", "other", "end"]


class Token(msgspec.Struct, frozen=True):
    kind: Kind
    value: str
    column: int


_MARKS: Final[dict[str, Kind]] = {".": "dot", "[": "other", "]": "other", ",": "other", "(": "open", ")": "close"}
_KEYWORDS: Final[dict[str, tuple[str, Kind]]] = {
    "a": ("nd", "conditional"),
    "o": ("r", "conditional"),
    "n": ("ull", "null"),
}
_DIGITS: Final = frozenset("0123456789")
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_WORD: Final = _LETTERS | _DIGITS | set("_-\\")
_TERMINATORS: Final = frozenset(["", " ", "\t", "\n", ",", "]", ")"])  # "" is the end of the text


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = units(text)
        self._has_pairs = len(self._text) != len(text)
        self._at = 0
        self._start = 0

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        while True:
            self._start = self._at
            char = self._next()
            if not char:
                found.append(self._token("end", "eos"))
                return found
            if char not in " \t\n":
                found.append(self._read(char))

    def _read(self, char: str) -> Token:
        if char in _MARKS:
            return self._token(_MARKS[char], char)
        if char in "\"'":
            return self._string(char)
        if char in _DIGITS or char in "-+":
            return self._number(char)
        if char in "=<>!":
            return self._operator(char)
        if char not in _LETTERS and char not in "_\\":
            self._fail(f"the character {char!r} has no meaning here; put text between double quotes")
        rest, kind = _KEYWORDS.get(char, ("", "other"))
        return self._token(kind, char + rest) if rest and self._accept(rest) else self._word(char)

    def _operator(self, char: str) -> Token:
        if char == "!" and (self._peek() in _LETTERS or self._peek() == "("):
            return self._token("operator", "!")
        if char != "=" and self._accept("="):
            return self._token("operator", char + "=")
        if char == "!":
            self._fail("'!' stands before contains() or match(), or in ' != ' with a space after it")
        return self._token("operator", char)

    def _string(self, quote: str) -> Token:
        text = ""
        while self._peek() != quote:
            char = self._next()
            if not char:
                self._fail("this string has no closing quote, or no space after it")
            text += char
            if len(text) >= MAX_LENGTH:
                self._fail("this string is too long")
        self._accept(quote)  # left standing where no terminator follows: it then opens another string
        return self._token("string", f"{quote}{text}{quote}")

    def _number(self, char: str) -> Token:
        text, decimal = char, False
        while self._peek() in _DIGITS or self._peek() == ".":
            char = self._next()
            text += char
            if char == ".":
                if decimal or self._peek() in _TERMINATORS:
                    self._fail("this number's decimal point is out of place")
                decimal = True
            if len(text) > MAX_LENGTH:
                self._fail("this number is too long")
        return self._token("number", text)

    def _word(self, char: str) -> Token:
        text = ""
        while True:
            if char == "\\":
                char = self._next()
                if not char:
                    self._fail("a backslash has nothing after it to escape")
            text += char
            if len(text) >= MAX_LENGTH:
                self._fail("this word is too long")
            if self._peek() not in _WORD:
                break
            char = self._next()
        if self._peek() not in _TERMINATORS and self._peek() not in ".(=!":
            self._fail(f"a space is missing between {whole(text)!r} and {self._peek()!r}")
        return self._token("word", text)

    def _accept(self, rest: str) -> bool:
        """Move past `rest` where it comes next and a terminator follows. At the end of the text the rest is lost."""
        start, taken = self._at, ""
        for _ in rest:
            char = self._next()
            if not char:
                return False
            taken += char
            if char in _TERMINATORS:
                break
        if taken == rest and self._peek() in _TERMINATORS:
            return True
        self._at = start
        return False

    def _next(self) -> str:
        char = self._peek()
        self._at += len(char)
        return char

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _token(self, kind: Kind, value: str) -> Token:
        return Token(kind, value, self._column())

    def _column(self) -> int:
        return (len(whole(self._text[: self._start])) if self._has_pairs else self._start) + 1

    def _fail(self, message: str) -> NoReturn:
        raise TriggerError(message, self._column())


def tokens(text: str) -> deque[Token]:
    """The tokens of a trigger, with ``properties . total`` made one word. Raises `TriggerError`."""
    joined: deque[Token] = deque()
    waiting = deque(_Lexer(text).tokens())
    while waiting:
        token = waiting.popleft()
        if token.kind == "dot" and joined and joined[-1].kind == "word" and waiting and waiting[0].kind == "word":
            before = joined.pop()
            token = Token("word", f"{before.value}.{waiting.popleft().value}", before.column)
        joined.append(token)
    return joined
