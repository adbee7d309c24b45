"""Takes a template apart into text, outputs and tags, and trims the text beside ``-`` signs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tockwork.rules.liquid.scanner import BLANKS, Scanner, Source

_TAG: Final = ("{%", "%}")
_OUTPUT: Final = ("{{", "}}")


@dataclass(slots=True)
class Text:
    """Text between tags and outputs; `text` becomes shorter where it is trimmed, `whole` never does."""

    offset: int
    whole: str
    text: str


@dataclass(slots=True)
class Output:
    """What stands between ``{{`` and ``}}``: `scanner` is at its beginning."""

    offset: int
    whole: str
    scanner: Scanner
    trims: tuple[bool, bool]


@dataclass(slots=True)
class Tag:
    """What stands between ``{%`` and ``%}``, or on a line of a liquid tag: `scanner` is behind its name."""

    offset: int
    whole: str
    scanner: Scanner
    trims: tuple[bool, bool]
    name: str
    arguments: str


Token = Text | Output | Tag


def template_tokens(source: Source) -> list[Token]:
    """All tokens of a template. Raises LiquidError where one is not closed, or a tag has no name."""
    tokens = list(_Reader(source).tokens())
    _trim(tokens)
    return tokens


def line_tokens(scanner: Scanner) -> Iterator[Token]:
    """The tags of a liquid tag, one to a line."""
    while True:
        scanner.skip_blanks()
        if scanner.at_end:
            return
        start = scanner.position
        scanner.skip_past("\n")
        yield _tag(scanner.source, start, scanner.position, (start, scanner.position))


def _content(source: Source, start: int, end: int) -> tuple[Scanner, tuple[bool, bool]]:
    """What is between delimiters without its blanks, and whether there are ``-`` signs at its ends."""
    left, right = source.text[start : start + 1] == "-", source.text[end - 1 : end] == "-"
    start, end = start + left, end - right
    while start < end and source.text[start] in BLANKS:
        start += 1
    while end > start and source.text[end - 1] in BLANKS:
        end -= 1
    return Scanner(source, start, end), (left, right)


def _tag(source: Source, start: int, end: int, content: tuple[int, int]) -> Tag:
    scanner, trims = _content(source, *content)
    if source.text[scanner.position : scanner.position + 1] == "#":
        scanner.position += 1
        name = "#"
    else:
        name = scanner.word()
    if not name:
        raise scanner.error("expected the name of a tag", start)
    scanner.skip_blanks()
    return Tag(start, source.text[start:end], scanner, trims, name, source.text[scanner.position : scanner.end])


class _Reader:
    def __init__(self, source: Source) -> None:
        self._source = source
        self._scanner = Scanner(source, 0, len(source.text))

    def tokens(self) -> Iterator[Token]:
        scanner, text = self._scanner, self._source.text
        while not scanner.at_end:
            if text.startswith(_TAG[0], scanner.position):
                tag = self._read_tag()
                yield tag
                if tag.name == "raw":
                    yield from self._raw(tag)
            elif text.startswith(_OUTPUT[0], scanner.position):
                yield self._output()
            else:
                yield self._text()

    def _text(self) -> Text:
        text, start = self._source.text, self._scanner.position
        ends = [place for place in (text.find(_TAG[0], start), text.find(_OUTPUT[0], start)) if place >= 0]
        self._scanner.position = min(ends, default=len(text))
        whole = text[start : self._scanner.position]
        return Text(start, whole, whole)

    def _read_tag(self) -> Tag:
        start = self._scanner.position
        if not self._scanner.skip_past(_TAG[1]):
            raise self._scanner.error("expected '%}' after a tag", start)
        return self._tag_from(start)

    def _tag_from(self, start: int) -> Tag:
        end = self._scanner.position
        return _tag(self._source, start, end, (start + len(_TAG[0]), end - len(_TAG[1])))

    def _output(self) -> Output:
        start, scanner = self._scanner.position, self._scanner
        while not scanner.at_end:
            if scanner.at_quote:
                scanner.skip_quoted()
                continue
            scanner.position += 1
            if self._source.text.endswith(_OUTPUT[1], start, scanner.position):
                end = scanner.position
                content, trims = _content(self._source, start + len(_OUTPUT[0]), end - len(_OUTPUT[1]))
                return Output(start, self._source.text[start:end], content, trims)
        raise scanner.error("expected '}}' after an output", start)

    def _raw(self, opening: Tag) -> Iterator[Token]:
        """The text up to the tag endraw, and that tag."""
        start, scanner, text = self._scanner.position, self._scanner, self._source.text
        left = self._next_tag()
        while not scanner.at_end:
            if scanner.word() != "endraw":
                left = self._next_tag()
                continue
            close = text.find(_TAG[1], scanner.position - 2)
            other = text.find(_TAG[0], scanner.position - 2)
            if other >= 0 and (close < 0 or other < close):
                scanner.position = other + len(_TAG[0])  # a tag begins in the tag: it may be endraw as well
                continue
            if close < 0:
                break
            scanner.position = close + len(_TAG[1])
            if left > start:
                yield Text(start, text[start:left], text[start:left])
            yield self._tag_from(left)
            return
        raise scanner.error("expected a tag endraw", opening.offset)

    def _next_tag(self) -> int:
        """Where the next tag begins; the position is then behind its first delimiter, or at the end."""
        self._scanner.skip_past(_TAG[0])
        return self._scanner.position - len(_TAG[0])


def _trim(tokens: list[Token]) -> None:
    raw = False
    for place, token in enumerate(tokens):
        if isinstance(token, Text):
            continue
        before = tokens[place - 1] if place else None
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        if not raw and token.trims[0] and isinstance(before, Text):
            before.text = before.text.rstrip(BLANKS)
        if isinstance(token, Tag) and token.name in ("raw", "endraw"):
            raw = token.name == "raw"
        if not raw and token.trims[1] and isinstance(after, Text):
            after.text = after.text.lstrip(BLANKS)
