"""`JSON.stringify`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any, Final

from tockwork.rules.javascript import UNDEFINED, keys, number_text
from tockwork.rules.liquid.coercion import Plain, integer, is_number
from tockwork.rules.liquid.meter import Meter
from tockwork.rules.liquid.text import LONE

_MOST_INDENT: Final = 10

_quote = json.JSONEncoder(ensure_ascii=False).encode


def json_text(value: Any, indent: Any, meter: Meter) -> Any:
    """The value as JSON, or `UNDEFINED` if it is that.

    `indent` is a number of spaces or a text, of which ten characters count; anything else means one line.
    """
    if value is UNDEFINED:
        return UNDEFINED
    margin, gap = "", ""
    if is_number(indent) and indent > 0:
        margin, gap = "\n", " " * int(min(integer(float(indent)), _MOST_INDENT))
    elif isinstance(indent, str) and indent:
        margin, gap = "\n", indent[:_MOST_INDENT].partition("\0")[0]  # V8's gap ends at a null character
    return _Writer(gap, meter).text(value, margin)


class _Writer:
    """Writes values. The `margin` is what a line begins with, line break included; without one, all is one line."""

    def __init__(self, indent: str, meter: Meter) -> None:
        self._indent = indent
        self._meter = meter

    def text(self, value: Any, margin: str) -> str:
        if value is None or value is UNDEFINED:
            return "null"
        if isinstance(value, str):
            return _string(value)
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return number_text(value) if math.isfinite(value) else "null"
        inner = margin + self._indent
        if isinstance(value, list):
            return self._enclose("[]", (self.text(item, inner) for item in value), margin)
        members = {} if isinstance(value, Plain) else value
        colon = ": " if margin else ":"
        present = (key for key in keys(members) if members[key] is not UNDEFINED)
        texts = (_string(key) + colon + self.text(members[key], inner) for key in present)
        return self._enclose("{}", texts, margin)

    def _enclose(self, brackets: str, texts: Iterable[str], margin: str) -> str:
        parts = list(texts)
        if not parts:
            return brackets
        inner = margin + self._indent
        self._meter.work(len(inner) * len(parts))
        return brackets[0] + inner + f",{inner}".join(parts) + margin + brackets[1]


def _string(text: str) -> str:
    quoted = _quote(text)
    return quoted if quoted.isascii() else LONE.sub(lambda half: f"\\u{ord(half[0]):04x}", quoted)
