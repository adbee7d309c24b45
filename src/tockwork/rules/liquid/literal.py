"""Literals: fixed words, and text between quotes."""

from __future__ import annotations

import re
from typing import Any, Final

from tockwork.rules.liquid.values import BLANK, EMPTY, NIL

LITERALS: Final[dict[str, Any]] = {
    "true": True,
    "false": False,
    "nil": NIL,
    "null": NIL,
    "empty": EMPTY,
    "blank": BLANK,
}

_ESCAPE = re.compile(r"\\(?:u(?P<hex>[0-9a-fA-F]{0,4})|(?P<octal>[0-7]{1,3})|(?P<other>.))", re.DOTALL)
_ESCAPED: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def unquote(text: str) -> str:
    """What a quoted text means; its first and last characters are its quotes, whatever they are.

    Raises ValueError where a ``\\u`` runs into the end, as it can where the closing quote is missing.
    """
    pieces = []
    place = 1
    while place < len(text) - 1:
        escape = _ESCAPE.match(text, place)
        if escape is None:
            pieces.append(text[place])
            place += 1
            continue
        pieces.append(_character(escape))
        place = escape.end()
        if escape["hex"] is not None and len(escape["hex"]) < 4 and place == len(text):
            raise ValueError("expected a closing quote")
    return "".join(pieces)


def _character(escape: re.Match[str]) -> str:
    if escape["other"] is not None:
        return _ESCAPED.get(escape["other"], escape["other"])
    return chr(int(escape["octal"], 8) if escape["octal"] else int(escape["hex"] or "0", 16))
