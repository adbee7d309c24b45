"""Scalars: how a JSON value becomes the string, number or boolean that a field wants.

The rules are those of Segment's action kit (`validateSchema` of npm's @segment/actions-core 3.170): numeric strings
become numbers, numbers and booleans become strings, and a one-element list is unwrapped. Different on purpose: null and
blank text count as absent everywhere, where Segment makes "" or 0 of some and refuses the rest; no number is infinite.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from tockwork.rules import javascript
from tockwork.rules.javascript import WHITESPACE, number_text
from tockwork.rules.notation import json_number


class Uncoercible(Exception):  # noqa: N818 (names a value's state, which is an error to some callers only)
    """A value that does not become the wanted type, or is no choice of the field. Its text says what was expected and
    the type that was found; `reason` is a reason code."""

    def __init__(self, expected: str, found: Any, reason: str = "field_type") -> None:
        self.expected = expected
        self.found = found
        self.reason = reason
        super().__init__(f"expected {expected}, got {describe(found)}")


def describe(value: Any) -> str:
    """The value's JSON type in words; never the value itself, which may be personal."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text" if value.strip() else "blank text"
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return "an object"
        case _:
            return "something else"


def string(value: Any) -> str | None:
    """`value` as a string; None when absent or empty. Raises `Uncoercible` for objects and longer lists."""
    match value:
        case str():
            return value or None
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case int() | float():
            return None if json_number(value) is None else number_text(value)
        case [single] if not isinstance(single, list):
            return string(single)
    return _refuse("a string", value)


def number(value: Any) -> int | float | None:
    """`value` as a finite number, whole ones as int; None when absent or blank. Raises `Uncoercible` otherwise.

    Numbers are JavaScript's: whole ones beyond 2**53 are rounded. Strings are read as ``Number()`` does: surrounding
    space, exponents and 0x, 0o, 0b are fine, a comma or a currency sign is not.
    """
    match value:
        case int() | float():
            return _finite(value, value)
        case None:
            return None
        case str():
            return _finite(javascript.number(value), value) if value.strip(WHITESPACE) else None
        case [single] if not isinstance(single, list):
            return number(single)
    return _refuse("a number", value)


def _finite(value: float, given: Any) -> int | float:
    found = json_number(int(value) if isinstance(value, bool) else value)
    if found is None:
        _refuse("a finite number" if value == value else "a number", given)
    return found


def integer(value: Any) -> int | float | None:
    """`value` as a whole number (a float from 10**21 on). Raises `Uncoercible` for a fraction too."""
    whole = number(value)
    return whole if whole is None or whole % 1 == 0 else _refuse("a whole number", value)


def boolean(value: Any) -> bool | None:
    """`value` as a boolean: true, "true", 1 and false, "false", 0. Raises `Uncoercible` otherwise."""
    match value:
        case bool() | None:
            return value
        case "true":
            return True
        case "false":
            return False
        case str() if not value.strip(WHITESPACE):
            return None
        case int() | float() if value in (0, 1):
            return bool(value)
        case [single] if not isinstance(single, list):
            return boolean(single)
    return _refuse("true or false", value)


def _refuse(expected: str, found: Any) -> NoReturn:
    raise Uncoercible(expected, found)


SCALARS: dict[str, Callable[[Any], Any]] = {"string": string, "number": number, "integer": integer, "boolean": boolean}
