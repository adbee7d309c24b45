"""The tags: how each is read, and what it does."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from tockwork.rules.javascript import UNDEFINED, WHITESPACE, double
from tockwork.rules.javascript import truthy as truthy_in_javascript
from tockwork.rules.liquid.coercion import is_number, string
from tockwork.rules.liquid.context import Context
from tockwork.rules.liquid.expression import Operand, Value
from tockwork.rules.liquid.fault import Fault
from tockwork.rules.liquid.parser import Body, Buffer, Node, Output, Parser, TagParser, Text
from tockwork.rules.liquid.tokens import Tag, line_tokens
from tockwork.rules.liquid.values import OBJECT_MEMBERS, plain, truthy
from tockwork.rules.liquid.values import Block as BlockVariable

_BLOCK_NAME = re.compile("[0-9A-Za-z_]+")
_UNMARKED_LINE = re.compile(f"\n[{WHITESPACE}]*[^#{WHITESPACE}]")


@dataclass(frozen=True, slots=True)
class Assign:
    name: str
    value: Value

    def render(self, context: Context, buffer: Buffer) -> None:
        context.assign(self.name, self.value.evaluate(context))


@dataclass(frozen=True, slots=True)
class Capture:
    name: str
    body: Body

    def render(self, context: Context, buffer: Buffer) -> None:
        captured = Buffer(context.meter)
        self.body.render(context, captured)
        context.assign(self.name, str(captured))


@dataclass(frozen=True, slots=True)
class Conditional:
    """The first branch whose value is as true, or as false, as it asks for; otherwise `otherwise`."""

    branches: tuple[tuple[Value, bool, Body], ...]
    otherwise: Body

    def render(self, context: Context, buffer: Buffer) -> None:
        for value, wanted, body in self.branches:
            if truthy(value.evaluate(context)) is wanted:
                body.render(context, buffer)
                return
        self.otherwise.render(context, buffer)


@dataclass(frozen=True, slots=True)
class Counter:
    """A property of the event that counts; what is no number counts from zero."""

    name: str
    step: int

    def render(self, context: Context, buffer: Buffer) -> None:
        found = context.environment.get(self.name)
        before = double(found) if is_number(found) else 0
        context.environment.set(self.name, before + self.step)
        buffer.write(before if self.step > 0 else before + self.step)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One of the candidates after the other; tags with the same group and `text` share their position."""

    group: Operand | None
    candidates: tuple[Value, ...]
    text: str

    def render(self, context: Context, buffer: Buffer) -> None:
        group = UNDEFINED if self.group is None else self.group.evaluate(context)
        key = f"{string(group)}:{self.text}"
        position = context.cycles.get(key, 0)
        context.cycles[key] = (position + 1) % len(self.candidates)
        value = plain(self.candidates[position].evaluate(context))
        if truthy_in_javascript(value):
            buffer.write(value)


@dataclass(frozen=True, slots=True)
class Stop:
    """break and continue: without a loop around them they end the rendering."""

    def render(self, context: Context, buffer: Buffer) -> None:
        context.stopped = True


@dataclass(frozen=True, slots=True)
class Block:
    name: str
    body: Body

    def render(self, context: Context, buffer: Buffer) -> None:
        if self.name in _SILENT_BLOCKS:
            return
        if self.name in _FAILING_BLOCKS:
            raise Fault(f"a block cannot be named {self.name}")
        context.scopes.append({"block": BlockVariable()})
        self.body.render(context, buffer)
        context.scopes.pop()


# liquidjs looks blocks up in an ordinary object and calls what every object inherits, which mostly fails.
_SILENT_BLOCKS: Final = frozenset({"constructor", "toString"})
_FAILING_BLOCKS: Final = OBJECT_MEMBERS - _SILENT_BLOCKS


def _assign(tag: Tag, parser: Parser) -> Node:
    name = tag.scanner.word()
    if not name:
        raise tag.scanner.error("expected the name of a variable")
    tag.scanner.skip_blanks()
    if tag.scanner.peek() != "=":
        raise tag.scanner.error("expected '='")
    tag.scanner.position += 1
    value = tag.scanner.value()
    tag.scanner.source.assigned.add(name)
    return Assign(name, value)


def _capture(tag: Tag, parser: Parser) -> Node:
    name = tag.scanner.word()
    if not name:
        if not tag.scanner.at_quote:
            raise tag.scanner.error("expected the name of a variable")
        name = tag.scanner.quoted()
    body, _ = parser.until(tag, "endcapture")
    tag.scanner.source.assigned.add(name)
    return Capture(name, body)


def _if(tag: Tag, parser: Parser) -> Node:
    branches: list[tuple[Value, bool, Body]] = []
    otherwise: Body | None = None
    part = tag
    while part.name != "endif":
        if otherwise is not None:
            raise parser.error(part, f"unexpected tag {part.name!r} after else")
        if part.name == "else":
            _refuse_arguments(part, parser)
            otherwise, part = parser.until(tag, "elsif", "else", "endif")
        else:
            value = part.scanner.value()
            body, part = parser.until(tag, "elsif", "else", "endif")
            branches.append((value, True, body))
    _refuse_arguments(part, parser)
    return Conditional(tuple(branches), otherwise or Body())


def _unless(tag: Tag, parser: Parser) -> Node:
    """Less strict than if: what follows the first else is read and forgotten."""
    branches: list[tuple[Value, bool, Body]] = []
    otherwise: Body | None = None
    part = tag
    while part.name != "endunless":
        kept, wanted = otherwise is None, part is not tag
        value = part.scanner.value() if kept and part.name != "else" else None
        body, part = parser.until(tag, "elsif", "else", "endunless")
        if value is not None:
            branches.append((value, wanted, body))
        elif kept:
            otherwise = body
    return Conditional(tuple(branches), otherwise or Body())


def _refuse_arguments(tag: Tag, parser: Parser) -> None:
    if tag.arguments:
        raise parser.error(tag, f"expected nothing after {tag.name!r}")


def _comment(tag: Tag, parser: Parser) -> Node:
    parser.skip_until(tag, "endcomment")
    return Body()


def _raw(tag: Tag, parser: Parser) -> Node:
    return Text(parser.skip_until(tag, "endraw"))


def _inline_comment(tag: Tag, parser: Parser) -> Node:
    if _UNMARKED_LINE.search(tag.arguments):
        raise parser.error(tag, "expected '#' at the beginning of every line of the comment")
    return Body()


def _counter(step: int) -> TagParser:
    return lambda tag, parser: Counter(tag.scanner.word(), step)


def _cycle(tag: Tag, parser: Parser) -> Node:
    scanner = tag.scanner
    start = scanner.position
    group = scanner.operand()
    scanner.skip_blanks()
    if group is not None and scanner.peek() == ":":
        scanner.position += 1
    elif group is not None:
        group, scanner.position = None, start
    candidates, texts = [], []
    while not scanner.at_end:
        start = scanner.position
        candidates.append(scanner.value())
        texts.append(scanner.source.text[start : scanner.position])
        scanner.skip_past(",")
    if not candidates:
        raise parser.error(tag, "expected a value to cycle through")
    return Cycle(group, tuple(candidates), ",".join(texts))


def _echo(tag: Tag, parser: Parser) -> Node:
    return Body() if tag.scanner.at_end else Output(tag.scanner.value())


def _liquid(tag: Tag, parser: Parser) -> Node:
    return parser.inner(list(line_tokens(tag.scanner))).body()


def _block(tag: Tag, parser: Parser) -> Node:
    body, _ = parser.until(tag, "endblock")
    name = _BLOCK_NAME.search(tag.arguments)
    return Block(name[0] if name else "", body)


def _stop(tag: Tag, parser: Parser) -> Node:
    return Stop()


def _disabled(tag: Tag, parser: Parser) -> Node:
    raise parser.error(tag, f"Segment does not allow the tag {tag.name!r}")


TAGS: Final[dict[str, TagParser]] = {
    "#": _inline_comment,
    "assign": _assign,
    "block": _block,
    "break": _stop,
    "capture": _capture,
    "comment": _comment,
    "continue": _stop,
    "cycle": _cycle,
    "decrement": _counter(-1),
    "echo": _echo,
    "if": _if,
    "increment": _counter(1),
    "liquid": _liquid,
    "raw": _raw,
    "unless": _unless,
} | dict.fromkeys(("case", "for", "include", "layout", "render", "tablerow"), _disabled)
