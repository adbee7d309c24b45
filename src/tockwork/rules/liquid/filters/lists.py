"""Filters of lists. What is no list is a list of one; nothing is an empty list."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from tockwork.rules.javascript import UNDEFINED, units, whole
from tockwork.rules.javascript import truthy as truthy_in_javascript
from tockwork.rules.liquid import values
from tockwork.rules.liquid.coercion import add, compare, cut, integer, is_number, item_string, number
from tockwork.rules.liquid.context import Context, Filter
from tockwork.rules.liquid.expression import Path
from tockwork.rules.liquid.fault import Fault, LiquidError
from tockwork.rules.liquid.filters.adapters import of_values
from tockwork.rules.liquid.meter import ITEM
from tockwork.rules.liquid.scanner import Scanner, Source
from tockwork.rules.liquid.text import advance, encoded
from tockwork.rules.liquid.values import element, equals, is_nothing, items, plain, read, text, truthy

_SCANNING: Final = 20
"""Reading a path takes so much longer than reading text."""

_SHUFFLING: Final = 50
"""Choosing among items takes so much longer than reading characters."""


def _join(context: Context, value: Any, separator: Any = UNDEFINED) -> str:
    separator = plain(separator)
    joint = " " if is_nothing(separator) else text(separator)
    parts = [item_string(item) for item in items(value)]
    context.meter.work(len(joint) * len(parts))
    return joint.join(parts)


def _at(position: int) -> Filter:
    def at(context: Context, value: Any) -> Any:
        value = plain(value)
        return element(value, position) if _has_length(value) else ""

    return of_values(at)


def _has_length(value: Any) -> bool:
    return value != "" and is_number(values.length(value))


def _size(context: Context, value: Any) -> Any:
    length = values.length(value)
    return length if truthy_in_javascript(length) else 0


def _sum(context: Context, value: Any, path: Any = UNDEFINED) -> float:
    keys = text(path).split(".") if truthy_in_javascript(path) else []
    members = items(value)
    context.meter.work(ITEM * len(keys) * len(members))
    total = 0.0
    for item in members:
        for key in keys:
            item = read(item, key)
        summand = number(item)
        total += summand if summand == summand else 0
    return total


def _slice(context: Context, value: Any, start: Any = UNDEFINED, length: Any = UNDEFINED) -> Any:
    value = plain(value)
    if is_nothing(value):
        return []
    if not isinstance(value, list):
        value = text(value)
    length = 1 if length is UNDEFINED else length
    if compare(start, 0) == -1:
        start = add(len(value if isinstance(value, list) else whole(value)), start)
    if compare(start, 0) == -1 or compare(length, 0) == -1:
        return value[:0]
    context.meter.reserve(number(length))
    if isinstance(value, list):
        return cut(value, integer(number(start)), integer(number(add(start, length))))
    place = advance(value, 0, number(start))
    return value[place : advance(value, place, number(length))]


def _where(context: Context, value: Any, path: Any = UNDEFINED, expected: Any = UNDEFINED) -> list[Any]:
    found = _path(context, text(path))
    members = items(value)
    context.meter.work(ITEM * (len(found.keys) + 2 if found else 0) * len(members))
    kept = []
    for item in members:
        member = found.evaluate(context.within(item)) if found else UNDEFINED
        if truthy(member) if expected is UNDEFINED else equals(member, expected):
            kept.append(item)
    return kept


def _path(context: Context, written: str) -> Path | None:
    context.meter.work(_SCANNING * len(written))
    try:
        return Scanner(Source(written), 0, len(written)).path()
    except LiquidError:
        raise Fault("expected the name of a property") from None


def _sample(context: Context, value: Any, count: Any = UNDEFINED) -> Any:
    """A choice that depends on the event's messageId alone, so that a rendering can be repeated."""
    value = plain(value)
    if is_nothing(value):
        return []
    if not isinstance(value, list):
        value = [units(character) for character in whole(text(value))]
    context.meter.work(_SHUFFLING * len(value))
    shuffled = _shuffled(value, encoded(context.event_text("messageId")))
    if count is UNDEFINED or (is_number(count) and count == 1):
        return shuffled[0] if shuffled else UNDEFINED
    return cut(shuffled, 0, integer(number(count)))


def _shuffled(members: list[Any], seed: bytes) -> list[Any]:
    key = hashlib.sha256(seed).digest()
    places = sorted(range(len(members)), key=lambda place: hashlib.blake2b(b"%d" % place, key=key).digest())
    return [members[place] for place in places]


def _compact(context: Context, value: Any) -> list[Any]:
    return [item for item in items(value) if not is_nothing(plain(item))]


def _push(context: Context, value: Any, item: Any = UNDEFINED) -> list[Any]:
    return [*items(value), item]


def _unshift(context: Context, value: Any, item: Any = UNDEFINED) -> list[Any]:
    return [item, *items(value)]


FILTERS: Final[dict[str, Filter]] = {
    "compact": of_values(_compact),
    "first": _at(0),
    "join": of_values(_join),
    "last": _at(-1),
    "pop": of_values(lambda context, value: items(value)[:-1]),
    "push": of_values(_push),
    "sample": of_values(_sample),
    "shift": of_values(lambda context, value: items(value)[1:]),
    "size": of_values(_size),
    "slice": of_values(_slice),
    "sum": of_values(_sum),
    "unshift": of_values(_unshift),
    "where": of_values(_where),
}
