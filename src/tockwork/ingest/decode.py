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

    Raises `EventError`: ``invalid_json``, ``invalid_batch`` (JSON, but not of the decoder's type) or ``too_deep``.
    """
    try:
        return decoder.decode(body), 0
    except RecursionError:
        raise too_deep() from None
    except msgspec.DecodeError as problem:
        reason = problem
    finite, nulled = _with_nulls(body)
    if nulled:
        return decode(decoder, finite)[0], nulled
    code = "invalid_batch" if isinstance(reason, msgspec.ValidationError) else "invalid_json"
    raise EventError(code, str(reason))


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


def _with_nulls(body: bytes) -> tuple[bytes, int]:
    """The body rewritten, and the count of its nulled numbers; (body, 0) where that cannot help.

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
        return (msgspec.json.encode(content), len(nulled)) if nulled else (body, 0)
    except (ValueError, RecursionError):  # no JSON all the same, or a lone surrogate that cannot be encoded
        return body, 0
