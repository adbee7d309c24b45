"""JavaScript's notion of values, as far as mappings and triggers can show it.

Segment's mapping kit runs on JavaScript, so a mapping exported from Segment means what JavaScript makes of it: a
missing value is not ``null``, ``0`` and ``""`` are falsy, and ``10.0`` prints as ``10``. The general road of the rules
keeps to these functions; nothing else in the project knows about JavaScript. Objects are dicts, arrays are lists.

Strings are Python's. Where JavaScript would see the two UTF-16 halves of one character (an index, a length, a slice),
`units` takes a string apart and `whole` puts it together again.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, Final

MAX_DEPTH: Final = 250  # levels that a value may be nested
MAX_NODES: Final = 250_000  # values that one walk over a result may meet
MAX_TEXT: Final = 2_000_000  # characters that one made text may have

WHITESPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What `String.prototype.trim` removes (ECMA-262, WhiteSpace and LineTerminator)."""

_NUMERIC = re.compile(r"[+-]?(?:Infinity|(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?)")
_RADIX = re.compile(r"0(?:[xX][0-9a-fA-F]++|[oO][0-7]++|[bB][01]++)")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
HALF: Final = re.compile("[\ud800-\udfff]")
"""One UTF-16 half of a character."""


class ScriptError(ValueError):
    """Raised where JavaScript would throw, or where a value outgrows our limits.

    Says where in the mapping, as far as objects lead there; never holds an event's values.
    """

    def __init__(self, message: str, where: str = "") -> None:
        self.message = message
        self.where = where
        super().__init__(f"{where}: {message}" if where else message)

    def within(self, key: str) -> ScriptError:
        """The same error, seen from one level further out."""
        return ScriptError(self.message, f"{key}.{self.where}" if self.where else key)


class Undefined:
    """JavaScript's ``undefined``: the value of what is not there. There is one, `UNDEFINED`; it is falsy."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "undefined"


UNDEFINED: Final = Undefined()
FORBIDDEN: Final = object()
"""Stands for a member that JavaScript forbids to read."""


class Native:
    """A value of JavaScript's own, a function or a prototype; `rules.natives` holds them all.

    `kind` is its real type ("function", "object", "array" …), `text` its `String(value)`, `json` what it is in JSON
    (`UNDEFINED` for a function, which vanishes), `members` what it has itself.
    """

    __slots__ = ("_prototype", "json", "kind", "members", "text")

    def __init__(self, kind: str, text: str, json: Any, prototype: Native | None, members: dict[str, Any]) -> None:
        self.kind = kind
        self.text = text
        self.json = json
        self.members = members
        self._prototype = prototype

    def member(self, key: str) -> Any:
        """The member `key`, its own or inherited. Raises `ScriptError` where JavaScript throws."""
        if key in self.members:
            found = self.members[key]
            if found is FORBIDDEN:
                raise ScriptError(f"JavaScript does not let a function's {key!r} be read")
            return found
        if key == "__proto__":
            return self._prototype
        return UNDEFINED if self._prototype is None else self._prototype.inherited(key)

    def inherited(self, key: str) -> Any:
        """What a value whose prototype this is finds under `key`, having no such member itself."""
        return self if key == "__proto__" else self.member(key)

    def __repr__(self) -> str:
        return self.text


class Meter:
    """Counts what one walk over a value costs, so that a small mapping cannot make an endless result."""

    __slots__ = ("_nodes", "_text")

    def __init__(self) -> None:
        self._nodes = MAX_NODES
        self._text = MAX_TEXT

    def node(self, depth: int) -> None:
        """One more value, `depth` levels down. Raises `ScriptError` beyond the limits."""
        self._nodes -= 1
        if self._nodes < 0:
            raise ScriptError(f"the result has more than {MAX_NODES:,} values")
        if depth > MAX_DEPTH:
            raise ScriptError(f"a value is nested deeper than {MAX_DEPTH} levels")

    def text(self, length: int) -> None:
        """`length` more characters. Raises `ScriptError` beyond the limit."""
        self._text -= length
        if self._text < 0:
            raise ScriptError(f"a text is longer than {MAX_TEXT:,} characters")


def truthy(value: Any) -> bool:
    """`Boolean(value)`: empty lists and objects are true, unlike in Python."""
    if isinstance(value, (dict, list)):
        return True
    return bool(value) and value == value  # NaN is falsy


def real_type(value: Any) -> str:
    """The type as Segment's messages name it: object, array, string, number, boolean, null, undefined, function."""
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    if isinstance(value, str):
        return "string"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, (int, float)):
        return "number"
    return value.kind if isinstance(value, Native) else "undefined"


# --- objects -------------------------------------------------------------------------------------------------------


def index(key: str) -> int:
    """The array index that `key` spells, or -1: ``"7"`` is one, ``"07"`` is not."""
    if key[:1] in "0123456789" and key.isascii() and key.isdigit() and (key == "0" or key[0] != "0"):
        number = int(key) if len(key) <= 10 else -1
        return number if number < 2**32 - 1 else -1
    return -1


def keys(value: dict[str, Any]) -> list[str]:
    """`Object.keys`: array indexes first, ascending, then the others as they were added."""
    names = list(value)
    indexes = [name for name in names if name[:1] in "0123456789" and index(name) >= 0]
    if not indexes:
        return names
    return sorted(indexes, key=int) + [name for name in names if index(name) < 0]


def entries(value: Any) -> Iterator[tuple[str, Any]]:
    """`Object.entries`: of a string, its units; of a number or a function, nothing."""
    if isinstance(value, dict):
        for key in keys(value):
            yield key, value[key]
    elif isinstance(value, (list, str)):
        for position, item in enumerate(units(value) if isinstance(value, str) else value):
            yield str(position), item


# --- numbers -------------------------------------------------------------------------------------------------------


def double(value: float) -> float:
    """The number as JavaScript holds it: whole numbers beyond 2**53 lose their last digits."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def number(value: Any) -> float:
    """`Number(value)` of a string, a boolean, a number or a native; NaN for what is no number."""
    if isinstance(value, Native):
        value = value.text
    if not isinstance(value, str):
        return double(value)
    text = value.strip(WHITESPACE)
    if not text:
        return 0.0
    if _NUMERIC.fullmatch(text):
        return float(text.replace("Infinity", "inf"))
    if _RADIX.fullmatch(text):
        return double(int(text, 0))
    return math.nan


def number_text(value: float) -> str:
    """`String(number)`: the shortest digits that read back the same, in JavaScript's notation.

    Whole numbers beyond 2**53 are rounded first, as JavaScript rounds them (ECMA-262, Number::toString).
    """
    if isinstance(value, int):
        if -(2**53) <= value <= 2**53:
            return str(value)
        value = double(value)
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole_part, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    digits = (whole_part + fraction).lstrip("0")
    point = len(whole_part) + int(exponent or 0)  # the decimal point stands after this many digits
    point -= len(whole_part + fraction) - len(digits) if whole_part == "0" else 0
    digits = digits.rstrip("0")
    if 0 < point <= 21:
        if len(digits) <= point:
            return sign + digits.ljust(point, "0")
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = point - 1
    head = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{sign}{head}e{'+' if power > 0 else '-'}{abs(power)}"


# --- strings -------------------------------------------------------------------------------------------------------


def units(text: str) -> str:
    """`text` with every character beyond the basic plane as its two UTF-16 halves, so that indexes are JavaScript's."""
    if text.isascii():
        return text
    return _ASTRAL.sub(_halves, text)


def _halves(match: re.Match[str]) -> str:
    high, low = divmod(ord(match[0]) - 0x10000, 0x400)
    return chr(0xD800 + high) + chr(0xDC00 + low)


def whole(text: str) -> str:
    """`text` with every pair of UTF-16 halves as the character that it makes; the opposite of `units`."""
    if text.isascii() or not HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def has_halves(text: str) -> bool:
    """Whether `text` has a UTF-16 half on its own."""
    return HALF.search(text) is not None


def text_of(value: Any, meter: Meter | None = None, depth: int = 0) -> str:
    """`String(value)`. Raises `ScriptError` for an object with a `toString` of its own, as JavaScript does."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    if isinstance(value, list):
        meter = meter or Meter()
        meter.node(depth)
        return ",".join(_item_texts(value, meter, depth + 1))
    if isinstance(value, dict):
        if "toString" in value:
            raise ScriptError("an object with its own 'toString' has no text in JavaScript")
        return "[object Object]"
    if value is None:
        return "null"
    return value.text if isinstance(value, Native) else "undefined"


def _item_texts(items: list[Any], meter: Meter, depth: int) -> Iterator[str]:
    for item in items:
        meter.node(depth)
        text = "" if item is None or item is UNDEFINED else text_of(item, meter, depth)
        meter.text(len(text) + 1)
        yield text


def equals_empty(value: Any) -> bool:
    """`value == ""`, JavaScript's loose comparison, for any value but null and undefined, which never equal it."""
    if isinstance(value, (bool, int, float)):
        return value == 0
    if isinstance(value, Native) and value.kind in ("number", "boolean"):
        return True  # the prototypes of numbers and booleans hold 0 and false
    return text_of(value) == ""
