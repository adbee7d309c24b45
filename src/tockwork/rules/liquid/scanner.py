"""Reads the words, values and filters of one tag, output or property path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tockwork.rules.javascript import UNDEFINED
from tockwork.rules.liquid.expression import OPERATORS, Call, Constant, Operand, Operator, Path, Range, Value, postfix
from tockwork.rules.liquid.fault import LiquidError
from tockwork.rules.liquid.literal import LITERALS, unquote
from tockwork.rules.liquid.meter import NESTING

BLANKS: Final = (
    "\t\n\v\f\r \xa0\u1680\u180e" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
)
"""What separates words, and what whitespace control trims."""

_BLANK = re.compile(f"[{BLANKS}]*")
_WORD = re.compile(f"[^\\x00-,./:;<=>@\\[-^`{{-\\x7f\u201c\u201d{BLANKS}]+")
_NUMBER = re.compile(r"[+-]?[0-9]+(?P<fraction>\.(?!\.)[0-9]*)?")
_LITERAL = re.compile("|".join(LITERALS))
_OPERATOR = re.compile("|".join(sorted(OPERATORS, key=len, reverse=True)))
_QUOTES: Final = ("'", '"')


class Source:
    """The text of a template, and what is found out about it while it is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.paths: list[Path] = []
        self.assigned: set[str] = set()
        self.nesting = 0


class Scanner:
    """A position in a part of a template; it moves as it reads. Raises LiquidError where liquidjs refuses to parse."""

    def __init__(self, source: Source, start: int, end: int) -> None:
        self.source = source
        self.position = start
        self.end = end

    # --- characters --------------------------------------------------------------------------------------------------

    @property
    def at_end(self) -> bool:
        return self.position >= self.end

    def peek(self, ahead: int = 0) -> str:
        """The character `ahead`, or nothing beyond the end."""
        place = self.position + ahead
        return self.source.text[place] if place < self.end else ""

    def error(self, message: str, offset: int | None = None) -> LiquidError:
        return LiquidError(message, self.source.text, self.position if offset is None else offset)

    def skip_blanks(self) -> None:
        self._match(_BLANK)

    def skip_past(self, delimiter: str) -> bool:
        """Move behind the next `delimiter` that ends beyond the position; to the end, and false, if there is none."""
        if self.at_end:
            return False
        found = self.source.text.find(delimiter, max(self.position + 1 - len(delimiter), 0), self.end)
        self.position = self.end if found < 0 else found + len(delimiter)
        return found >= 0

    def word(self) -> str:
        """The next word, which may be empty."""
        self.skip_blanks()
        return self._match(_WORD)

    def _match(self, pattern: re.Pattern[str]) -> str:
        match = None if self.at_end else pattern.match(self.source.text, self.position, self.end)
        if match is None:
            return ""
        self.position = match.end()
        return match[0]

    def _is_word(self, place: int) -> bool:
        return place < self.end and _WORD.fullmatch(self.source.text, place, place + 1) is not None

    # --- values ------------------------------------------------------------------------------------------------------

    def value(self) -> Value:
        """Operands, operators and filters. What follows a comma or a bracket is left unread."""
        start = self.position
        tokens = tuple(postfix(self._tokens()))
        if not tokens:
            raise self.error("expected a value", start)
        return Value(tokens, tuple(self._calls()))

    def _tokens(self) -> Iterator[Operand | Operator]:
        while not self.at_end:
            token = self._operator() or self.operand()
            if token is None:
                return
            yield token

    def _operator(self) -> Operator | None:
        word = self._fixed(_OPERATOR)
        return OPERATORS[word] if word else None

    def _fixed(self, pattern: re.Pattern[str]) -> str:
        """One of some fixed words, if it does not continue as another word."""
        self.skip_blanks()
        match = None if self.at_end else pattern.match(self.source.text, self.position, self.end)
        if match is None or (match[0][-1].isalpha() and self._is_word(match.end())):
            return ""
        self.position = match.end()
        return match[0]

    def operand(self) -> Operand | None:
        """A literal, a range or a path, if there is one."""
        return self._named_operand()[1]

    def _named_operand(self) -> tuple[str, Operand | None]:
        """An operand, and how it is written."""
        self.source.nesting += 1
        if self.source.nesting > NESTING:
            raise self.error(f"values are nested deeper than {NESTING} levels")
        self.skip_blanks()
        start = self.position
        holder = self._holder()
        end = self.position
        keys = tuple(self._keys(root=holder is None))
        self.source.nesting -= 1
        if not keys:
            return self.source.text[start:end], holder
        return self.source.text[start : self.position], self._path(holder, keys)

    def path(self) -> Path | None:
        """A path of variables, if there is one."""
        self.skip_blanks()
        keys = tuple(self._keys(root=True))
        return self._path(None, keys) if keys else None

    def _path(self, holder: Operand | None, keys: tuple[Operand, ...]) -> Path:
        path = Path(holder, keys)
        self.source.paths.append(path)
        return path

    def _holder(self) -> Operand | None:
        literal = self._fixed(_LITERAL)
        if literal:
            return Constant(LITERALS[literal])
        if self.at_quote:
            return Constant(self.quoted())
        return self._number() or self._range()

    @property
    def at_quote(self) -> bool:
        return self.peek() in _QUOTES

    def quoted(self) -> str:
        """What the text between two quotes means; the second quote may be missing."""
        start = self.position
        self.skip_quoted()
        try:
            return unquote(self.source.text[start : self.position])
        except ValueError as error:
            raise self.error(str(error), start) from None

    def skip_quoted(self) -> None:
        quote = self.peek()
        escaped = False
        self.position += 1
        while not self.at_end:
            character = self.peek()
            self.position += 1
            if character == quote and not escaped:
                return
            escaped = character == "\\" and not escaped

    def _number(self) -> Constant | None:
        match = None if self.at_end else _NUMBER.match(self.source.text, self.position, self.end)
        if match is None or self._is_word(match.end()):
            return None
        length = match.end() - match.start()
        if match["fraction"] and self.peek(length) == "." and self.peek(length + 1) != ".":
            return None
        self.position = match.end()
        return Constant(float(match[0]))

    def _range(self) -> Range | None:
        if self.peek() != "(":
            return None
        self.position += 1
        low = self._required()
        self.skip_blanks()
        if self.peek() + self.peek(1) != "..":
            raise self.error("expected '..' in a range")
        self.position += 2
        high = self._required()
        self.skip_blanks()
        if self.peek() != ")":
            raise self.error("expected ')' after a range")
        self.position += 1
        return Range(low, high)

    def _required(self) -> Operand:
        operand = self.operand()
        if operand is None:
            raise self.error("expected a value")
        return operand

    def _keys(self, root: bool) -> Iterator[Operand]:
        """The keys of a path; `root` says that the first may be a word without a dot."""
        while True:
            word = ""
            if self.peek() == "[":
                yield self._bracket()
                root = False
                continue
            if root:
                word = self.word()
            if not word and self.peek() == "." and self.peek(1) != ".":
                self.position += 1
                word = self.word()
            if not word:
                return
            root = False
            yield Constant(word)

    def _bracket(self) -> Operand:
        self.position += 1
        key = self.operand()
        if not self.skip_past("]"):
            raise self.error("expected ']'")
        return key or Constant("")

    # --- filters -----------------------------------------------------------------------------------------------------

    def _calls(self) -> Iterator[Call]:
        while True:
            self.skip_blanks()
            if self.at_end or self.peek() in "),":
                return
            if self.peek() != "|":
                raise self.error("expected '|' before a filter")
            self.position += 1
            name = self.word()
            if not name:
                if self.peek():
                    raise self.error("expected the name of a filter")
                return
            yield Call(name, tuple(self._arguments()))

    def _arguments(self) -> Iterator[tuple[str | None, Operand]]:
        self.skip_blanks()
        if self.peek() != ":":
            if self.peek() in "|),":
                return
            raise self.error("expected ':' after the name of a filter")
        while True:
            self.position += 1
            argument = self._argument()
            if argument:
                yield argument
            self.skip_blanks()
            if self.peek() not in "|),":
                raise self.error("expected ',' or '|' after an argument")
            if self.peek() != ",":
                return

    def _argument(self) -> tuple[str | None, Operand] | None:
        known = len(self.source.paths)
        text, operand = self._named_operand()
        self.skip_blanks()
        if operand is None or self.peek() != ":":
            return None if operand is None else (None, operand)
        del self.source.paths[known:]  # it is a name, and nothing is read
        self.position += 1
        return text, self.operand() or Constant(UNDEFINED)
