"""The differences from Segment that are meant to be: all of them, and why.

At most eight, and none in triggers, ``@path``, ``@template``, ``@if``, ``@case``, ``@arrayPath`` or ``@replace``.
docs/decisions/0002-javascript-semantics.md and 0003-liquid.md tell them to users.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from harness import Case

from tockwork.rules import natives

_PROTOTYPES = (natives.OBJECT, natives.FUNCTION, natives.ARRAY, natives.STRING, natives.NUMBER, natives.BOOLEAN)
_NATIVE = re.compile(r"\b(" + "|".join(name for prototype in _PROTOTYPES for name in prototype.members) + r")\b")


class Difference(NamedTuple):
    reason: str
    is_in: Callable[[Case], bool]


def _texts(pattern: str, kind: str = "mapping") -> Callable[[Case], bool]:
    compiled = re.compile(pattern)
    return lambda case: case["kind"] == kind and any(map(compiled.search, _strings(case)))


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _strings(member)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _has_key(*keys: str) -> Callable[[Case], bool]:
    return lambda case: case["kind"] == "mapping" and any(f'"{key}": ' in json.dumps(case["mapping"]) for key in keys)


def _gives_liquid_a_function(case: Case) -> bool:
    text = json.dumps(case.get("mapping"))
    return '"@liquid"' in text and '"@transform"' in text and _NATIVE.search(text) is not None


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "a member named __proto__ replaces an object's prototype in JavaScript, and is simply lost here",
        _texts("__proto__"),
    ),
    Difference(
        "a function of the language that a mapping puts under toJSON, toString or valueOf, or where Liquid reads it, "
        "is called in JavaScript, and never here",
        lambda case: _has_key("toJSON", "toString", "valueOf")(case) or _gives_liquid_a_function(case),
    ),
    Difference(
        "Liquid's increment and decrement leave their counter in the event in Segment, where other fields see it; "
        "an event never changes here",
        _texts(r"\{%-?\s*(?:liquid|increment|decrement)"),
    ),
    Difference(
        "Liquid's now and today are the moment of rendering in Segment, and the time of the event here, so that a "
        "row sent again is the same row",
        _texts(r"now|today"),
    ),
)


def is_meant(case: Case) -> bool:
    """Whether a difference in this case is one of those that are meant to be."""
    return any(difference.is_in(case) for difference in DIFFERENCES)
