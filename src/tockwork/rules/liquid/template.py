"""A compiled template."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tockwork.rules.javascript import units, whole
from tockwork.rules.liquid.context import Context
from tockwork.rules.liquid.fault import LiquidError
from tockwork.rules.liquid.filters import FILTERS
from tockwork.rules.liquid.parser import Body, Buffer, Parser
from tockwork.rules.liquid.scanner import Source
from tockwork.rules.liquid.tags import TAGS
from tockwork.rules.liquid.tokens import template_tokens

MOST_CHARACTERS: Final = 1000
"""Segment's limit for a template (UTF-16 code units)."""


@dataclass(frozen=True, slots=True)
class Template:
    """A template that any number of threads may render.

    `source` is its text; `paths` are the variables of the event that it reads, in dots, as far as they can be told
    without rendering it.
    """

    source: str
    paths: tuple[str, ...]
    _body: Body

    def render(self, scope: Mapping[str, Any]) -> str:
        """The text for an event in Segment's format. The same event always gives the same text.

        Raises LiquidError where Segment's rendering throws, and where the template does too much.
        """
        context = Context(units(self.source), scope, FILTERS)
        buffer = Buffer(context.meter)
        self._body.render(context, buffer)
        return whole(str(buffer))


def compile(template: str) -> Template:  # noqa: A001 - as in re.compile
    """Compile a template. Raises LiquidError where Segment's parsing throws, with the line and column."""
    text = units(template)
    if len(text) > MOST_CHARACTERS:
        raise LiquidError(f"a template is limited to {MOST_CHARACTERS} characters", text, MOST_CHARACTERS)
    source = Source(text)
    body = Parser(source, template_tokens(source), TAGS).body()
    return Template(template, _event_paths(source), body)


def _event_paths(source: Source) -> tuple[str, ...]:
    """What is read and not assigned by the template, in the order of reading."""
    assigned = set(map(whole, source.assigned))
    names = (whole(str(path)) for path in source.paths if path.holder is None)
    return tuple(dict.fromkeys(name for name in names if name and name.partition(".")[0] not in assigned))
