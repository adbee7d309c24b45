"""JSON as clients really send it: numbers that it cannot hold become null, all else malformed is refused. Pure."""

from __future__ import annotations

import json
import math
import sys
from typing import Any, Final

import msgspec

from tockwork.model.errors import EventError

MAX_DEPTH: Final = 100
"""Objects and lists inside one another in one event; everything after ingest may then recurse without care."""

Json = msgspec.json.Decoder[Any]


def decode(decoder: Json, body: bytes) -> tuple[Any, int]:
    """The content of `body`, and how many of its numbers were read as null: NaN, Infinity, and what is beyond a double.

    Raises `EventError`: ``invalid_json`` or ``too_deep``.
    """
    try:
        return decoder.decode(body), 0
    except RecursionError:
        raise too_deep() from None
    except msgspec.DecodeError as problem:
        reason = EventError("invalid_json", str(problem))
    content, nulled = loosely(body, reason)
    try:
        # Encoded and decoded again, so that what Python alone takes for text (lone surrogates) is refused.
        return decoder.decode(msgspec.json.encode(content)), nulled
    except (UnicodeEncodeError, msgspec.DecodeError):
        raise reason from None


def loosely(body: bytes, reason: EventError) -> tuple[Any, int]:
    """The content of `body` as Python's own parser reads it, its strings with lone surrogates perhaps, and how many of
    its numbers were read as null. Raises `reason` for what is no JSON all the same.

    Python's and older JavaScript clients write NaN and Infinity, and one of them must not cost a whole batch.
    """
    nulled: list[str] = []

    def fraction(text: str) -> float | None:
        value = float(text)
        if math.isfinite(value):
            return value
        nulled.append(text)
        return None

    def integer(text: str) -> int | None:
        if len(text) <= sys.float_info.max_10_exp:
            return int(text)
        nulled.append(text)
        return None

    try:
        content = json.loads(body.decode(), parse_constant=nulled.append, parse_float=fraction, parse_int=integer)
    except (ValueError, RecursionError):
        raise reason from None
    return content, len(nulled)


def check_utf8(body: bytes) -> None:
    """Raises `EventError` (``invalid_json``) for anything but UTF-8: msgspec does not look at what it skips."""
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as problem:
        raise EventError("invalid_json", f"the body is not UTF-8 (byte {problem.start})") from None


def check_depth(value: Any) -> None:
    """Raises `EventError` (``too_deep``) for more than `MAX_DEPTH` objects and lists inside one another."""
    depth, level = 0, [value]
    while level:
        depth += 1
        children = (child for parent in level for child in (parent.values() if type(parent) is dict else parent))
        level = [child for child in children if type(child) in (dict, list)]
    if depth > MAX_DEPTH:
        raise too_deep()


def too_deep() -> EventError:
    return EventError("too_deep", f"expected at most {MAX_DEPTH} objects and lists inside one another, found more")
