"""Random expressions: sensible ones, with odd spacing, odd types and odd arguments."""

from __future__ import annotations

import random
from collections.abc import Callable

from liquid_values import (
    DATES,
    DISABLED_FILTERS,
    FILTERS,
    FORMATS,
    KEYS,
    LOCALS,
    ROOTS,
    TEXTS,
    UNKNOWN_FILTERS,
    ZONES,
    words,
)

Maker = Callable[[random.Random], str]

_BLANKS = ("", " ", " ", " ", "  ", "\n", "\t", "\u00a0")
_NUMBERS = words("0 1 2 3 5 10 -1 -2 1.5 2.50 +3 0.1 1. 1.2.3 .5 5abc 1e3 100 1000000 -0 07")
_LITERALS = ("true", "false", "nil", "null", "empty", "blank")
_PROPERTIES = words("name email total price size first last items id length nested 0 x-y ok?")
_BRACKETED = words("number text nothing missing flag x list nil true 1.5 names[0]")
_ODD_ROOTS = ('["text"]', "[text]", ".text", "text.", "-", "deep..size", "5a")
_ODD_KEYS = (". name", "[]", "[0", ".['name']", "[ 'name' junk ]", ".constructor", ".toString", ".valueOf")
_ODD_OPERANDS = words(
    "nil.size empty.equals 'abc'.size 'abc'[1] (1..4).last '😀a'[0] blank.valueOf true.x (1...3) truex (1..3 "
    "nil.constructor empty.toString (-2..text.size) (1.5..2.5) (nil..list.size) (missing..-4)"
)
_LOWS, _HIGHS = ["1", "0", "-2", "text.size", "1.5", "nil"], ["3", "5", "list.size", "2.5", "missing", "-4"]
_ESCAPES = ("\\n", "\\u00e9", "\\x", "\\101", "\\ud83d\\ude00", "\\u12", "\\\\", "\\0")
_OPERATORS = ("==", "!=", "<", ">", "<=", ">=", "contains", "==", "<>")
_ARGUMENT_NAMES = ("a", "allow_false", "x-y", '"q"', "1")
_SEPARATORS = (",", " ", "", "-", "a", ", ", "😀", "b", "\n")
_SHORT_TEXTS = (",", " ", "-", "a", "", "x")
_OFFSETS = ("300", "-330", "0", "90.5", "nil", "nothing", "true", "'1'", "list")
_WHERE = ("id", "price", "name", "available", "tags[0]", "size", "length", "[0]", "tags.size", "[")
_SLUGS = ("'raw'", "'pretty'", "'ascii'", "'latin'", "'none'", "'default', true", "'constructor'")


def blank(rng: random.Random) -> str:
    return rng.choice(_BLANKS) if rng.random() < 0.3 else " "


def quoted(rng: random.Random, text: str) -> str:
    """The text as a literal, mostly escaped as it must be."""
    quote = rng.choice("'\"")
    if rng.random() < 0.9:
        text = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
    if rng.random() < 0.05:
        text += rng.choice(_ESCAPES)
    return quote + text.replace("%}", "% }").replace("}}", "} }") + quote


def text(rng: random.Random) -> str:
    return quoted(rng, rng.choice(rng.choice((TEXTS, TEXTS, DATES, FORMATS, KEYS, _SHORT_TEXTS))))


def number(rng: random.Random) -> str:
    return rng.choice(_NUMBERS)


def path(rng: random.Random) -> str:
    """A variable, with some keys."""
    root = rng.choice(ROOTS) if rng.random() < 0.8 else rng.choice(LOCALS)
    if rng.random() < 0.02:
        root = rng.choice(_ODD_ROOTS)
    return root + "".join(_key(rng) for _ in range(rng.choice((0, 0, 1, 1, 2, 3))))


def _key(rng: random.Random) -> str:
    choice = rng.random()
    if choice < 0.6:
        return f".{rng.choice(_PROPERTIES)}"
    if choice < 0.75:
        return f"[{rng.randint(-3, 4)}]"
    if choice < 0.88:
        return f"[{quoted(rng, rng.choice(KEYS))}]"
    if choice < 0.95:
        return f"[{blank(rng)}{rng.choice(_BRACKETED)}]"
    return rng.choice(_ODD_KEYS)


def operand(rng: random.Random) -> str:
    """A literal, a range or a variable."""
    choice = rng.random()
    if choice < 0.5:
        return path(rng)
    if choice < 0.68:
        return text(rng)
    if choice < 0.82:
        return number(rng)
    if choice < 0.93:
        return rng.choice(_LITERALS)
    if choice < 0.96:
        return f"({rng.choice(_LOWS)}..{rng.choice(_HIGHS)})"
    return rng.choice(_ODD_OPERANDS)


def value(rng: random.Random) -> str:
    """An expression with filters."""
    initial = condition(rng) if rng.random() < 0.12 else operand(rng)
    return initial + "".join(call(rng) for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4))))


def condition(rng: random.Random) -> str:
    """Comparisons and their combinations."""
    condition = ""
    for place in range(rng.choice((1, 1, 2, 2, 3))):
        condition += rng.choice((" and ", " or ")) if place else ""
        condition += "not " if rng.random() < 0.1 else ""
        condition += operand(rng)
        if rng.random() < 0.75:
            condition += f"{blank(rng)}{rng.choice(_OPERATORS)} "
            condition += ("not " if rng.random() < 0.03 else "") + operand(rng)
    return condition


def call(rng: random.Random) -> str:
    """A filter with arguments, mostly ones that suit it."""
    choice = rng.random()
    name = rng.choice(FILTERS if choice < 0.96 else DISABLED_FILTERS if choice < 0.97 else UNKNOWN_FILTERS)
    suited = _ARGUMENTS.get(name)
    if suited and rng.random() < 0.8:
        arguments = suited(rng)
    else:
        arguments = [operand(rng) for _ in range(rng.choice((0, 0, 1, 1, 2, 3)))]
    if rng.random() < 0.03:
        arguments.append(f"{rng.choice(_ARGUMENT_NAMES)}:{blank(rng)}{operand(rng)}")
    call = f"{blank(rng)}|{blank(rng)}{name}"
    if arguments:
        call += rng.choice((":", ": ", " : ")) + rng.choice((", ", ",", " , ")).join(arguments)
    return call + (rng.choice((",", ":", " x", "|", ")")) if rng.random() < 0.005 else "")


# --- arguments that suit a filter ------------------------------------------------------------------------------------

_Arguments = Callable[[random.Random], list[str]]


def _some(*makers: Maker) -> _Arguments:
    return lambda rng: [maker(rng) for maker in makers]


def _perhaps(*choices: str) -> _Arguments:
    """One of the texts, or nothing."""
    return lambda rng: [rng.choice(choices)] if rng.random() < 0.6 else []


def _joined(*parts: _Arguments) -> _Arguments:
    return lambda rng: [argument for part in parts for argument in part(rng)]


def _separator(rng: random.Random) -> str:
    return quoted(rng, rng.choice(_SEPARATORS))


def _format(rng: random.Random) -> str:
    return quoted(rng, rng.choice(FORMATS))


def _zone(rng: random.Random) -> list[str]:
    if rng.random() < 0.75:
        return []
    return [rng.choice((quoted(rng, rng.choice(ZONES)), rng.choice(_OFFSETS)))]


_ONE = _some(operand)
_ONE_NUMBER = _some(number)
_MONTH = _perhaps("'ordinal'", "'ordinal', 'US'")

_ARGUMENTS: dict[str, _Arguments] = {
    "append": _ONE,
    "at_least": _ONE_NUMBER,
    "at_most": _ONE_NUMBER,
    "base64_decode": _some(),
    "date": _joined(_some(_format), _zone),
    "date_to_long_string": _MONTH,
    "date_to_string": _MONTH,
    "default": _joined(_ONE, _perhaps("allow_false: true", "allow_false: false", "'x'", "nil")),
    "divided_by": _joined(_ONE_NUMBER, _perhaps("true")),
    "hmac_sha256": _ONE,
    "inspect": _perhaps("2"),
    "join": _joined(_some(_separator)),
    "json": _perhaps("2", "'--'", "12", "1.9", "0.5"),
    "lstrip": _perhaps("' aA'", "'😀'"),
    "minus": _ONE_NUMBER,
    "modulo": _ONE_NUMBER,
    "number_of_words": _perhaps("'cjk'", "'auto'"),
    "plus": _ONE_NUMBER,
    "prepend": _ONE,
    "push": _ONE,
    "remove": _some(_separator),
    "remove_first": _some(_separator),
    "remove_last": _some(_separator),
    "replace": _some(_separator, text),
    "replace_first": _some(_separator, text),
    "replace_last": _some(_separator, text),
    "round": _perhaps("1", "2", "-1", "1.5", "30"),
    "rstrip": _perhaps("' .com'"),
    "slice": _joined(_ONE_NUMBER, lambda rng: rng.choice(([], [number(rng)]))),
    "slugify": _perhaps(*_SLUGS),
    "split": _some(_separator),
    "strip": _perhaps("' !'"),
    "sum": _perhaps("'price'", "'name.size'"),
    "times": _ONE_NUMBER,
    "truncate": _joined(_ONE_NUMBER, _perhaps("''", "'…'", "', and so on'")),
    "truncatewords": _joined(_ONE_NUMBER, _perhaps("''", "'--'")),
    "unshift": _ONE,
    "where": _joined(_some(lambda rng: quoted(rng, rng.choice(_WHERE))), lambda rng: rng.choice(([], [operand(rng)]))),
}
