"""Text as JavaScript keeps it: UTF-16 code units, one to a character.

Inside the engine every string is in units: a character beyond U+FFFF is its two halves, so that lengths, positions,
splitting and order are JavaScript's by themselves. `inward` converts what comes in, `whole` what goes out.
"""

from __future__ import annotations

import re
from typing import Any, Final

from tockwork.rules.javascript import WHITESPACE, double, units, whole
from tockwork.rules.liquid.fault import Fault
from tockwork.rules.liquid.meter import NESTING

SPACES: Final = re.compile(f"[{WHITESPACE}]+")
"""What a JavaScript regular expression calls ``\\s+``."""

LONE: Final = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")
"""Half a character without its other half."""


def upper(text: str) -> str:
    return units(whole(text).upper())


def lower(text: str) -> str:
    return units(whole(text).lower())


def encoded(text: str) -> bytes:
    """The text in UTF-8 as Node writes it: half a character becomes U+FFFD."""
    return text.encode() if text.isascii() else whole(LONE.sub("\ufffd", text)).encode()


def advance(text: str, start: int, count: float) -> int:
    """The position `count` code points after `start`, at most the end."""
    if not count > 0:
        return start
    rest = whole(text[start:])
    return len(text) if count >= len(rest) else start + len(units(rest[: -int(-count // 1)]))


def inward(value: Any, depth: int = 0) -> Any:
    """A JSON value with all its text in units; the value itself where nothing has to change.

    Raises Fault where it nests deeper than `NESTING`.
    """
    if isinstance(value, str):
        return units(value)
    if isinstance(value, (dict, list)):
        if depth > NESTING:
            raise Fault(f"a value of the event is nested deeper than {NESTING} levels")
        return _inward_dict(value, depth) if isinstance(value, dict) else _inward_list(value, depth)
    if isinstance(value, int) and value.bit_length() > 1023:
        return double(value)
    return value


def _inward_list(value: list[Any], depth: int) -> list[Any]:
    items = [inward(item, depth + 1) for item in value]
    return value if all(map(_same, items, value)) else items


def _inward_dict(value: dict[str, Any], depth: int) -> dict[str, Any]:
    items = {units(key): inward(item, depth + 1) for key, item in value.items()}
    same = all(map(_same, items, value)) and all(map(_same, items.values(), value.values()))
    return value if same else items


def _same(left: Any, right: Any) -> bool:
    return left is right
