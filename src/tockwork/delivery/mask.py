"""Hides a request's own values in what the platform says about it: its messages can repeat them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

MASK: Final = "***"
_SHORTEST: Final = 3
_PREFIX: Final = 12
# A row's place in the request (`data.12`, `data[12]`, `Batch.12`) is not a value of the row.
_PLACE: Final = re.compile(r"\b(?:data|Batch)(?:\.\d+(?!\w)|\[\d+\])", re.ASCII)
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
# What looks personal is hidden wherever it came from: addresses, long hex, IPv4.
_PERSONAL: Final = re.compile(r"[^\s@'\"<>]+@[^\s@'\"<>]+|\b[0-9a-fA-F]{32,}\b|\b\d{1,3}(?:\.\d{1,3}){3}\b")


def masker(rows: Sequence[bytes], secrets: Iterable[str] = ()) -> Callable[[str], str]:
    """A function that replaces by ``***`` each value of `rows` (JSON objects) that occurs in a text, and each secret.

    Strings of three characters or more, in any case and also where only their beginning is repeated, and numbers of
    three digits or more. The rows are decoded only when the function is called with some text.
    """
    held = tuple(secret for secret in secrets if secret)

    def mask(text: str) -> str:
        if not text:
            return text
        for secret in held:
            text = text.replace(secret, MASK)
        folded = text.casefold()
        strings: set[str] = set()
        numbers: set[float] = set()
        for value in _values(rows):
            if _NUMBER.fullmatch(value):
                numbers.add(float(value))
            elif len(value) >= _SHORTEST and value[:_PREFIX].casefold() in folded:
                strings.add(value)
        for value in sorted(strings, key=len, reverse=True):
            text = _without(text, value)
        return _PERSONAL.sub(MASK, _without_numbers(text, numbers))

    return mask


def _values(rows: Sequence[bytes]) -> Iterator[str]:
    """Every string and number in `rows`, as text; a string also in JSON's two spellings, where they differ."""
    waiting: list[Any] = [msgspec.json.decode(row) for row in rows]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield from {value, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]}
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield repr(value)


def _without(text: str, value: str) -> str:
    """`text` without `value`; of a long value its first dozen characters, and what follows of it, are enough."""
    pieces: list[str] = []
    end = 0
    for match in re.finditer(re.escape(value[:_PREFIX]), text, re.IGNORECASE):
        start = match.start()
        if start < end:
            continue
        pieces += [text[end:start], MASK]
        end = match.end()
        while end < len(text) and text[end].lower() == value[end - start : end - start + 1].lower():
            end += 1
    return "".join(pieces) + text[end:]


def _without_numbers(text: str, numbers: set[float]) -> str:
    """`text` without these numbers, a row's place apart."""

    def hidden(match: re.Match[str]) -> str:
        number = match.group()
        return MASK if len(number) >= _SHORTEST and {float(number), abs(float(number))} & numbers else number

    pieces: list[str] = []
    end = 0
    for place in _PLACE.finditer(text):
        pieces += [_NUMBER.sub(hidden, text[end : place.start()]), place.group()]
        end = place.end()
    return "".join(pieces) + _NUMBER.sub(hidden, text[end:])
