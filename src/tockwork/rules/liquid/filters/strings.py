"""Filters of text."""

from __future__ import annotations

import re
from typing import Any, Final

from tockwork.rules.javascript import UNDEFINED, WHITESPACE, truthy, units, whole
from tockwork.rules.liquid.coercion import compare, cut, integer, number
from tockwork.rules.liquid.context import Context, Filter
from tockwork.rules.liquid.fault import Fault
from tockwork.rules.liquid.filters.adapters import of_text, of_texts, of_values
from tockwork.rules.liquid.text import SPACES, advance, lower, upper
from tockwork.rules.liquid.values import text

_NEWLINE = re.compile("\r?\n")
_CJK: Final = "\u4e00-\u9fff\uf900-\ufaff\u3400-\u4dbf\u3040-\u309f\u30a0-\u30ff\uac00-\ud7af"
_CJK_CHARACTER = re.compile(f"[{_CJK}]")
_OTHER_WORD = re.compile(f"[^{_CJK}{WHITESPACE}]+")


def _append(context: Context, value: Any, arguments: list[Any]) -> str:
    return text(value) + _only(arguments)


def _prepend(context: Context, value: Any, arguments: list[Any]) -> str:
    return _only(arguments) + text(value)


def _only(arguments: list[Any]) -> str:
    if len(arguments) != 1:
        raise Fault(f"expected 1 argument, found {len(arguments)}")
    return text(arguments[0])


def _capitalize(string: str) -> str:
    return upper(string[:1]) + lower(string[1:])


def pieces(string: str, separator: str) -> list[str]:
    """JavaScript's `split`: without a separator, the text falls into its units."""
    return string.split(separator) if separator else list(string)


def _split(string: str, separator: str) -> list[str]:
    parts = pieces(string, separator)
    while parts and not parts[-1]:
        parts.pop()
    return parts


def _replace(context: Context, value: Any, pattern: Any = UNDEFINED, replacement: Any = UNDEFINED) -> str:
    joint = text(replacement)
    parts = pieces(text(value), text(pattern))
    context.meter.work(len(joint) * len(parts))
    return joint.join(parts)


def _replace_last(string: str, pattern: str, replacement: str = "") -> str:
    # Searching the reversed text from the front takes linear time, which rfind does not promise.
    found = string[::-1].find(pattern[::-1])
    if found < 0:
        return string
    start = len(string) - found - len(pattern)
    return string[:start] + replacement + string[start + len(pattern) :]


def _strip(left: bool, right: bool) -> Filter:
    def strip(context: Context, value: Any, characters: Any = UNDEFINED) -> str:
        string, removed = text(value), WHITESPACE
        if truthy(characters):
            string, removed = whole(string), whole(text(characters))
        if left:
            string = string.lstrip(removed)
        return units(string.rstrip(removed) if right else string)

    return of_values(strip)


def _truncate(context: Context, value: Any, length: Any = UNDEFINED, ending: Any = UNDEFINED) -> Any:
    string = text(value)
    limit = 50.0 if length is UNDEFINED else number(length)
    tail = "..." if ending is UNDEFINED else text(ending)
    if len(string) <= limit or advance(string, 0, limit) >= len(string):
        return value
    return string[: advance(string, 0, limit - len(whole(tail)))] + tail


def _truncatewords(context: Context, value: Any, length: Any = UNDEFINED, ending: Any = UNDEFINED) -> str:
    string = text(value).lstrip(WHITESPACE)
    words = SPACES.split(string)
    limit = 15 if length is UNDEFINED else length
    if compare(limit, 0) in (-1, 0):
        limit = 1
    tail = "..." if ending is UNDEFINED else text(ending)
    kept = " ".join(cut(words, 0, integer(number(limit))))
    return kept + tail if compare(len(words), limit) in (0, 1) else kept


def _number_of_words(context: Context, value: Any, mode: Any = UNDEFINED) -> int:
    string = text(value).strip(WHITESPACE)
    if not string:
        return 0
    if mode == "cjk" or (mode == "auto" and _CJK_CHARACTER.search(string)):
        return len(_CJK_CHARACTER.findall(string)) + len(_OTHER_WORD.findall(string))
    return len(SPACES.split(string))


FILTERS: Final[dict[str, Filter]] = {
    "append": _append,
    "capitalize": of_text(_capitalize),
    "downcase": of_text(lower),
    "lstrip": _strip(left=True, right=False),
    "normalize_whitespace": of_text(lambda string: SPACES.sub(" ", string)),
    "number_of_words": of_values(_number_of_words),
    "prepend": _prepend,
    "remove": of_texts(lambda string, pattern: "".join(pieces(string, pattern)), 1),
    "remove_first": of_texts(lambda string, pattern: string.replace(pattern, "", 1), 1),
    "remove_last": of_texts(_replace_last, 1),
    "replace": of_values(_replace),
    "replace_first": of_texts(lambda string, pattern, replacement: string.replace(pattern, replacement, 1), 2),
    "replace_last": of_texts(_replace_last, 2),
    "rstrip": _strip(left=False, right=True),
    "split": of_texts(_split, 1),
    "squish": of_text(lambda string: SPACES.sub(" ", string).strip(WHITESPACE)),
    "strip": _strip(left=True, right=True),
    "strip_newlines": of_text(lambda string: _NEWLINE.sub("", string)),
    "truncate": of_values(_truncate),
    "truncatewords": of_values(_truncatewords),
    "upcase": of_text(upper),
}
