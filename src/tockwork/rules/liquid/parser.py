"""Puts the tokens of a template together to nodes, which can be rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tockwork.rules.liquid import tokens
from tockwork.rules.liquid.context import Context
from tockwork.rules.liquid.expression import Value
from tockwork.rules.liquid.fault import Fault, LiquidError
from tockwork.rules.liquid.meter import NESTING, Meter
from tockwork.rules.liquid.scanner import Source
from tockwork.rules.liquid.tokens import Tag, Token
from tockwork.rules.liquid.values import text


class Buffer:
    """Where a rendering writes to."""

    __slots__ = ("_meter", "_pieces")

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._pieces: list[str] = []

    def write(self, value: Any) -> None:
        self._meter.weigh(value)
        self._pieces.append(text(value))

    def __str__(self) -> str:
        return "".join(self._pieces)


class Node(Protocol):
    """A part of a template. Rendering raises Fault or LiquidError where liquidjs throws."""

    def render(self, context: Context, buffer: Buffer) -> None: ...


@dataclass(frozen=True, slots=True)
class Text:
    text: str

    def render(self, context: Context, buffer: Buffer) -> None:
        buffer.write(self.text)


@dataclass(frozen=True, slots=True)
class Output:
    value: Value

    def render(self, context: Context, buffer: Buffer) -> None:
        buffer.write(self.value.evaluate(context))


@dataclass(frozen=True, slots=True)
class Body:
    """Nodes in order, each with its place in the template."""

    nodes: Sequence[tuple[int, Node]] = ()

    def render(self, context: Context, buffer: Buffer) -> None:
        for offset, node in self.nodes:
            try:
                node.render(context, buffer)
            except Fault as fault:
                raise LiquidError(str(fault), context.template, offset) from None
            if context.stopped:
                return


class Parser:
    """Reads a sequence of tokens. Raises LiquidError where liquidjs refuses to parse."""

    def __init__(self, source: Source, tokens: Iterable[Token], tags: Mapping[str, TagParser]) -> None:
        self._source = source
        self._tokens = iter(tokens)
        self._tags = tags

    def inner(self, tokens: Iterable[Token]) -> Parser:
        """A parser for tokens that belong to one tag."""
        return Parser(self._source, tokens, self._tags)

    def body(self) -> Body:
        """All that is left."""
        return Body([(token.offset, self._node(token)) for token in self._tokens])

    def until(self, opening: Tag, *names: str) -> tuple[Body, Tag]:
        """What comes before the next tag of one of the names, and that tag. Tags inside other tags do not count."""
        nodes: list[tuple[int, Node]] = []
        for token in self._tokens:
            if isinstance(token, Tag) and token.name in names:
                return Body(nodes), token
            nodes.append((token.offset, self._node(token)))
        raise self.error(opening, f"the tag {opening.name!r} is not closed")

    def skip_until(self, opening: Tag, name: str) -> str:
        """What comes before the next tag of this name, as it is written."""
        pieces: list[str] = []
        for token in self._tokens:
            if isinstance(token, Tag) and token.name == name:
                return "".join(pieces)
            pieces.append(token.whole)
        raise self.error(opening, f"the tag {opening.name!r} is not closed")

    def error(self, tag: Tag, message: str) -> LiquidError:
        return LiquidError(message, self._source.text, tag.offset)

    def _node(self, token: Token) -> Node:
        if isinstance(token, tokens.Text):
            return Text(token.text)
        if isinstance(token, tokens.Output):
            return Output(token.scanner.value())
        if token.name not in self._tags:
            raise self.error(token, f"there is no tag {token.name!r}")
        self._source.nesting += 1
        if self._source.nesting > NESTING:
            raise self.error(token, f"tags are nested deeper than {NESTING} levels")
        node = self._tags[token.name](token, self)
        self._source.nesting -= 1
        return node


TagParser = Callable[[Tag, Parser], Node]
