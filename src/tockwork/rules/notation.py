"""JSON as JavaScript writes and reads it, and a result as the reader of its JSON sees it."""

from __future__ import annotations

import json
import math
from typing import Any, Final, NoReturn

from tockwork.rules.javascript import (
    HALF,
    UNDEFINED,
    Meter,
    Native,
    ScriptError,
    Undefined,
    double,
    keys,
    number_text,
    text_of,
)

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)


def parse_json(text: str) -> Any:
    """`JSON.parse(text)`. Raises ValueError for what is no JSON, `ScriptError` for what is nested too deep."""
    try:
        return json.loads(text, parse_constant=_refuse, parse_int=_parse_int)
    except RecursionError:
        raise ScriptError("a JSON text is nested too deep") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _parse_int(digits: str) -> float:
    return int(digits) if len(digits) < 16 else float(digits)


def stringify(value: Any) -> str | Undefined:
    """`JSON.stringify(value)`: no spaces, `UNDEFINED` for undefined and functions, halves of characters escaped."""
    pieces: list[str] = []
    meter = Meter()

    def put(piece: str) -> None:
        meter.text(len(piece))
        pieces.append(piece)

    def write(value: Any, depth: int) -> None:
        meter.node(depth)
        if isinstance(value, str):
            put(_quote(value))
        elif isinstance(value, dict):
            separator = "{"
            for key in keys(value):
                if not vanishes(value[key]):
                    put(f"{separator}{_quote(key)}:")
                    write(value[key], depth + 1)
                    separator = ","
            put("{}" if separator == "{" else "}")
        elif isinstance(value, list):
            for position, item in enumerate(value):
                put("," if position else "[")
                write(None if vanishes(item) else item, depth + 1)
            put("]" if value else "[]")
        elif isinstance(value, Native):
            write(value.json, depth)
        elif value is None or isinstance(value, bool) or json_number(value) is not None:
            put(text_of(value))
        else:
            put("null")

    if vanishes(value):
        return UNDEFINED
    write(value, 0)
    return "".join(pieces)


def _quote(text: str) -> str:
    quoted = _ENCODER.encode(text)
    return quoted if quoted.isascii() else HALF.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def vanishes(value: Any) -> bool:
    """Whether JSON leaves `value` out of an object: undefined and functions."""
    return value is UNDEFINED or (isinstance(value, Native) and value.json is UNDEFINED)


def observe(value: Any) -> Any:
    """What a reader of `JSON.stringify(value)` gets, as fresh lists and dicts, with Segment's undefined values removed.

    `UNDEFINED` where nothing is left. A member named ``__proto__`` is lost, because Segment copies objects by
    assignment. Raises `ScriptError` beyond the limits of `Meter`.
    """
    return UNDEFINED if vanishes(value) else _observe(value, Meter(), 0)


def _observe(value: Any, meter: Meter, depth: int) -> Any:
    meter.node(depth)
    if isinstance(value, str):
        meter.text(len(value))
        return value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, dict):
        return {
            key: _observe(value[key], meter, depth + 1)
            for key in keys(value)
            if not vanishes(value[key]) and key != "__proto__"
        }
    if isinstance(value, list):
        return [None if vanishes(item) else _observe(item, meter, depth + 1) for item in value]
    if isinstance(value, Native):
        return _observe(value.json, meter, depth)
    return json_number(value)


def json_number(value: float) -> float | None:
    """What a reader of `JSON.stringify(number)` gets: ``10`` for 10.0, None for NaN and the infinities."""
    if isinstance(value, int) and -(2**53) <= value <= 2**53:
        return value
    value = double(value)
    if not math.isfinite(value):
        return None
    return int(number_text(value)) if value.is_integer() and abs(value) < 1e21 else value
