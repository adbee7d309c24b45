"""The texts of ``@template``: ``{{ path }}`` and ``{{{ path }}}`` stand for values.

As in Segment's mapping kit, triple braces are filled in first, and double braces then in the result, so that braces in
a value count too. A path has no escape for a leading ``$.``: it starts at the event's members.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from tockwork.rules import path
from tockwork.rules.javascript import UNDEFINED, WHITESPACE, Meter, text_of, whole

Part: TypeAlias = "str | path.Getter"


class Template:
    """A template that is known beforehand."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._dynamic = any(True for _ in _placeholders(text, 3))  # what they give can hold more placeholders
        self._parts = list(_parts(text, 2))
        self.paths = tuple(path for width in (3, 2) for _, _, path in _placeholders(text, width))

    def render(self, payload: Any) -> str:
        """The text for `payload`. Raises `ScriptError` where a value has no text."""
        return render(self._text, payload) if self._dynamic else _filled(self._parts, payload)


def render(template: str, payload: Any) -> str:
    """`template` filled with the values of `payload`. Raises `ScriptError` where one has no text."""
    return _filled(_parts(_filled(_parts(template, 3), payload), 2), payload)


def pieces(text: str) -> list[str | list[str]] | None:
    """A template's texts with the segments of its paths between them; None where what a path gives is one too."""
    if any(True for _ in _placeholders(text, 3)):
        return None
    found: list[str | list[str]] = []
    at = 0
    for start, end, name in _placeholders(text, 2):
        found += (text[at:start], list(path.split(name)))
        at = end
    return [*found, text[at:]]


def _placeholders(text: str, width: int) -> Iterator[tuple[int, int, str]]:
    """Start, end and path of every placeholder with `width` braces on each side.

    What a regular expression would search in quadratic time takes one pass: a placeholder ends at the first ``}``
    after its start, and where that is no end, nothing before it is a start.
    """
    opening, closing = "{" * width, "}" * width
    start = text.find(opening)
    while start >= 0:
        end = text.find("}", start + width)
        if end < 0:
            return
        if end > start + width and text.startswith(closing, end):
            yield start, end + width, text[start + width : end].strip(WHITESPACE)
            end += width - 1
        start = text.find(opening, end + 1)


def _parts(text: str, width: int) -> Iterator[Part]:
    at = 0
    for start, end, name in _placeholders(text, width):
        yield text[at:start]
        yield path.reader(path.split(name))
        at = end
    yield text[at:]


def _filled(parts: Iterator[Part] | list[Part], payload: Any) -> str:
    meter = Meter()
    root = {} if payload is UNDEFINED else payload
    texts = []
    for part in parts:
        text = part if isinstance(part, str) else _text(part(root))
        meter.text(len(text))
        texts.append(text)
    return whole("".join(texts))


def _text(value: Any) -> str:
    return "" if value is None or value is UNDEFINED else text_of(value)
