"""What ``@replace`` does: `String.prototype.replace` with a literal pattern, in UTF-16 units.

The replacement keeps JavaScript's signs: ``$$`` is a dollar, ``$&`` the match, ``$``` what stands before it and ``$'``
what stands after. There are no groups, so ``$1`` means itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from tockwork.rules.javascript import Meter, ScriptError, units, whole
from tockwork.rules.validation import MAX_PATTERN, MAX_REPLACEMENT

_SIGN = re.compile(r"(\$[$&`'])")


def replace(text: str, pattern: str, replacement: str, *, once: bool, ignoring_case: bool) -> str:
    """`text` with `pattern` replaced, everywhere or once. Raises `ScriptError` for a pattern or result too long."""
    text, pattern, replacement = units(text), units(pattern), units(replacement)
    if len(pattern) > MAX_PATTERN:
        raise ScriptError(f"@replace has a pattern longer than {MAX_PATTERN} characters")
    if len(replacement) > MAX_REPLACEMENT:
        raise ScriptError(f"@replace has a replacement longer than {MAX_REPLACEMENT} characters")
    parts = _SIGN.split(replacement)
    meter = Meter()
    if not ignoring_case and "$`" not in parts and "$'" not in parts:  # every match is replaced by the same
        filled = _filled(parts, pattern, 0, len(pattern))
        meter.text(len(text) + (1 if once else text.count(pattern)) * len(filled))
        return whole(text.replace(pattern, filled, 1 if once else -1))
    pieces: list[str] = []
    at = 0
    for start in _matches(text, pattern, ignoring_case):
        end = start + len(pattern)
        filled = _filled(parts, text, start, end)
        meter.text(start - at + len(filled))
        pieces += (text[at:start], filled)
        at = end
        if once:
            break
    pieces.append(text[at:])
    return whole("".join(pieces))


def _matches(text: str, pattern: str, ignoring_case: bool) -> Iterator[int]:
    if ignoring_case:
        text, pattern = _folded(text), _folded(pattern)
    start = text.find(pattern)
    while start >= 0:
        yield start
        start = text.find(pattern, start + len(pattern))


def _filled(parts: list[str], text: str, start: int, end: int) -> str:
    return "".join(_meant(part, text, start, end) for part in parts)


def _meant(part: str, text: str, start: int, end: int) -> str:
    match part:
        case "$$":
            return "$"
        case "$&":
            return text[start:end]
        case "$`":
            return text[:start]
        case "$'":
            return text[end:]
    return part


def _folded(text: str) -> str:
    """`text` as a pattern that ignores case compares it (ECMA-262, Canonicalize without the flags u and v)."""
    return text.upper() if text.isascii() else "".join(map(_canonical, text))


@lru_cache(maxsize=4096)
def _canonical(unit: str) -> str:
    upper = unit.upper()
    if len(upper) != 1 or (unit >= "\x80" > upper):
        return unit
    return upper
