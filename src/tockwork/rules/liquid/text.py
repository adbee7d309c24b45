"""Text as JavaScript keeps it: UTF-16 code units, one to a character.

Inside the engine every string is in units: a character beyond U+FFFF is its two halves, so that lengths, positions,
splitting and order are JavaScript's by themselves. `inward` converts what comes in, `whole` what goes out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from tockwork.rules.javascript import WHITESPACE, double, units, whole
from tockwork.rules.liquid.fault import Fault
from tockwork.rules.liquid.meter import NESTING

SPACES: Final = re.compile(f"[{WHITESPACE}]+")
"""What a JavaScript regular expression calls ``\\s+``."""

LONE: Final = re.compile("[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]")
"""Half a character without its other half."""

_DOUBLE_BITS: Final = 1023  # whole numbers of so many bits are finite for JavaScript


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


def inward(value: Any) -> Any:
    """A JSON value with all its text in units; the value itself where nothing has to change.

    Raises Fault where it is nested deeper than `NESTING`.
    """
    return value if _is_simple(value, 0) else _inward(value)


def _is_simple(value: Any, depth: int) -> bool:
    """Whether a value is certainly the same inside the engine as outside."""
    if isinstance(value, str):
        return value.isascii()
    if isinstance(value, int):
        return value.bit_length() <= _DOUBLE_BITS
    if isinstance(value, dict):
        return all(map(str.isascii, value)) and _are_simple(value.values(), depth)
    return not isinstance(value, list) or _are_simple(value, depth)


def _are_simple(values: Iterable[Any], depth: int) -> bool:
    if depth > NESTING:
        raise Fault(f"a value of the event is nested deeper than {NESTING} levels")
    return all(_is_simple(value, depth + 1) for value in values)


def _inward(value: Any, depth: int = 0) -> Any:
    if depth > NESTING:
        raise Fault(f"a value of the event is nested deeper than {NESTING} levels")
    if isinstance(value, str):
        return units(value)
    if isinstance(value, dict):
        return {units(key): _inward(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_inward(item, depth + 1) for item in value]
    return double(value) if isinstance(value, int) and value.bit_length() > _DOUBLE_BITS else value
