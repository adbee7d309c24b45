"""Paths into a value, such as ``$.context.traits.email`` or ``$.properties.products[0]['sku']``.

The rules are those of `get` in Segment's actions-core and of property access in JavaScript: what is falsy on the way is
the answer, a missing member is `UNDEFINED`, strings have indexes and a length in UTF-16 units, and inherited members
such as ``constructor`` are found (`rules.natives`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from tockwork.rules import natives
from tockwork.rules.javascript import UNDEFINED, Native, index, truthy, units

Getter = Callable[[Any], Any]

# A bracket divides only where it opens before a quote or a digit, or closes after one.
_DIVIDER = re.compile(r"""\[(?=["'0-9])|\.|(?<=["'0-9])\]+""")
_QUOTES = str.maketrans("", "", "'\"")


@lru_cache(maxsize=4096)
def split(path: str) -> tuple[str, ...]:
    """The segments of a path as placeholders of ``@template`` take it: a leading ``$`` is a segment like any other."""
    return tuple(part.translate(_QUOTES) for part in _DIVIDER.split(path) if part)


def segments(path: str) -> tuple[str, ...]:
    """The segments of a path as ``@path`` and ``@arrayPath`` take it: without the first ``$.``, wherever it stands."""
    return split(path.replace("$.", "", 1))


def member(value: Any, key: str) -> Any:
    """`value[key]` for any value but null and undefined. Raises `ScriptError` where JavaScript forbids the look."""
    if isinstance(value, dict):
        return value[key] if key in value else natives.OBJECT.inherited(key)
    if isinstance(value, str):
        return _element(units(value), key, natives.STRING)
    if isinstance(value, list):
        return _element(value, key, natives.ARRAY)
    if isinstance(value, Native):
        return value.member(key)
    return (natives.BOOLEAN if isinstance(value, bool) else natives.NUMBER).inherited(key)


def _element(items: Sequence[Any], key: str, prototype: Native) -> Any:
    if key == "length":
        return len(items)
    position = index(key)
    return items[position] if 0 <= position < len(items) else prototype.inherited(key)


def get(value: Any, segments: Sequence[str]) -> Any:
    """The value at `segments` below `value`. What is falsy on the way (null, 0, "", …) is returned as it is."""
    for segment in segments:
        if type(value) is dict and segment in value:
            value = value[segment]
        elif truthy(value):
            value = member(value, segment)
        else:
            return value
    return value


def reader(segments: tuple[str, ...]) -> Getter:
    """A function that does what `get` does for these segments, quickest where every step is in a plain dict."""
    inherits = "__proto__" in segments or not natives.OBJECT.members.keys().isdisjoint(segments)

    def read(value: Any) -> Any:
        found = value
        for segment in segments:
            if type(found) is not dict:
                return get(value, segments)
            if segment not in found:
                return get(value, segments) if inherits else UNDEFINED
            found = found[segment]
        return found

    return read


def getter(path: str) -> Getter:
    """A function that reads ``@path``'s `path` from a value."""
    return reader(segments(path))
