"""JavaScript's conversions between types, as ECMA-262 defines them, for JSON values and the engine's own objects.

A Fault here is where JavaScript would throw a TypeError.
"""

from __future__ import annotations

import math
from typing import Any, Final

from tockwork.rules import javascript
from tockwork.rules.javascript import UNDEFINED, number_text
from tockwork.rules.liquid.fault import Fault

OBJECT_TEXT: Final = "[object Object]"


class Plain:
    """An object of the engine's own, which prints as any object does; where a value is wanted, it is `plain`."""

    __slots__ = ("plain",)

    def __init__(self, plain: Any) -> None:
        self.plain = plain


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def string(value: Any) -> str:
    """`String(value)`."""
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, list):
        return ",".join(map(item_string, value))
    if value is UNDEFINED:
        return "undefined"
    return _object_string(value)


def item_string(value: Any) -> str:
    """What a list's item is in the text of the list."""
    return "" if value is None or value is UNDEFINED else string(value)


def _object_string(value: Any) -> str:
    if isinstance(value, dict) and "toString" in value:
        raise Fault("an object with a key named toString cannot become text")
    return OBJECT_TEXT


def primitive(value: Any) -> Any:
    """`ToPrimitive(value)` as arithmetic and comparison ask for it."""
    if isinstance(value, Plain):
        return OBJECT_TEXT if isinstance(value.plain, Plain) else value.plain
    return string(value) if isinstance(value, (list, dict)) else value


def number(value: Any) -> float:
    """`Number(value)`."""
    value = primitive(value)
    if value is UNDEFINED:
        return math.nan
    return 0.0 if value is None else javascript.number(value)


def integer(value: float) -> float:
    """`ToIntegerOrInfinity(value)`."""
    if math.isnan(value):
        return 0
    return value if math.isinf(value) else math.trunc(value)


def add(left: Any, right: Any) -> Any:
    """`left + right`."""
    left, right = primitive(left), primitive(right)
    if isinstance(left, str) or isinstance(right, str):
        return string(left) + string(right)
    return number(left) + number(right)


def compare(left: Any, right: Any) -> int | None:
    """Less (-1), equal (0) or greater (1) as `<` and its kin see it; None where one of the two is not a number."""
    left, right = primitive(left), primitive(right)
    if not (isinstance(left, str) and isinstance(right, str)):
        left, right = number(left), number(right)
        if math.isnan(left) or math.isnan(right):
            return None
    return int(left > right) - int(left < right)


def identical(left: Any, right: Any) -> bool:
    """`left === right`."""
    if is_number(left) and is_number(right):
        return float(left) == float(right)
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    return left is right


def cut(items: list[Any], start: float, stop: float) -> list[Any]:
    """`items.slice(start, stop)`, of whole numbers or infinities."""
    return items[_bounded(start, len(items)) : _bounded(stop, len(items))]


def _bounded(index: float, length: int) -> int:
    return int(min(max(index, -length), length))
