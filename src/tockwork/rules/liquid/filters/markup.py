"""Filters for HTML and for addresses."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from itertools import groupby
from typing import Any, Final
from urllib.parse import quote

from tockwork.rules.javascript import UNDEFINED, WHITESPACE, truthy, units, whole
from tockwork.rules.liquid.coercion import OBJECT_TEXT, string
from tockwork.rules.liquid.context import Context, Filter
from tockwork.rules.liquid.fault import Fault
from tockwork.rules.liquid.filters.adapters import of_text, of_values
from tockwork.rules.liquid.text import LONE, lower
from tockwork.rules.liquid.values import OBJECT_MEMBERS, text

_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;"}
_UNESCAPES: Final = {entity: character for character, entity in _ESCAPES.items()}
_ESCAPED = str.maketrans(_ESCAPES)
_ENTITY = re.compile("&(?:amp|lt|gt|#34|#39);")
_BLOCKS: Final = (("<script", "</script>"), ("<style", "</style>"), ("<!--", "-->"), ("<", ">"))

_OCTETS = re.compile("(?:%[0-9A-Fa-f]{2})+")
_COMPONENT_SAFE: Final = "-_.!~*'()"
_ADDRESS_SAFE: Final = _COMPONENT_SAFE + ";/?:@&=+$,#"


def _escape(string: str) -> str:
    return string.translate(_ESCAPED)


def _escape_once(string: str) -> str:
    return _escape(_ENTITY.sub(lambda match: _UNESCAPES[match[0]], string))


def _strip_html(string: str) -> str:
    """Without tags, comments, and whole script and style elements; what is opened and not closed stays."""
    blocks = list(_BLOCKS)
    kept = []
    place = 0
    while (opening := string.find("<", place)) >= 0:
        kept.append(string[place:opening])
        place = _end_of_block(string, opening, blocks)
        if place < 0:
            return "".join(kept) + string[opening:]
    return "".join(kept) + string[place:]


def _end_of_block(string: str, opening: int, blocks: list[tuple[str, str]]) -> int:
    """Where the element ends that begins at `opening`, or -1. Of `blocks`, those that are never closed are removed."""
    for block in [block for block in blocks if string.startswith(block[0], opening)]:
        start, end = block
        found = string.find(end, opening + len(start))
        if found >= 0:
            return found + len(end)
        blocks.remove(block)
    return -1


def _percent_encode(string: str, safe: str) -> str:
    if LONE.search(string):
        raise Fault("half a UTF-16 character cannot be encoded")
    return quote(whole(string), safe=safe)


def _url_encode(string: str) -> str:
    return _percent_encode(string, _COMPONENT_SAFE).replace("%20", "+")


def _url_decode(string: str) -> str:
    string = string.replace("+", " ")
    if "%" in _OCTETS.sub("", string):
        raise Fault("expected two hexadecimal digits after '%'")
    try:
        return units(_OCTETS.sub(lambda match: bytes.fromhex(match[0].replace("%", "")).decode(), string))
    except UnicodeDecodeError:
        raise Fault("what is encoded is not UTF-8") from None


def _uri_escape(string: str) -> str:
    return _percent_encode(string, _ADDRESS_SAFE).replace("%5B", "[").replace("%5D", "]")


def _is_word(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] in "LM" or category == "Nd"


_KEPT: Final[dict[str, Callable[[str], bool]]] = {
    "default": _is_word,
    "latin": _is_word,
    "pretty": lambda character: character in "._~!$&'()+,;=@" or _is_word(character),
    "ascii": lambda character: character.isascii() and character.isalnum(),
    "raw": lambda character: character not in WHITESPACE,
} | dict.fromkeys(OBJECT_MEMBERS, lambda _: True)  # which liquidjs finds in an ordinary object, and does not mind
"""What each mode of slugify keeps; a mode that is not here keeps all."""

_LATIN = str.maketrans(
    dict(zip("àáâãäåçèéêëìíîïðñòóôõöøùúûüýÿ", "aaaaaaceeeeiiiidnoooooouuuuyy", strict=True))
    | {"æ": "ae", "ß": "ss", "œ": "oe", "þ": "th", "ẞ": "SS", "Œ": "OE", "Þ": "TH"}
)


def _slugify(context: Context, value: Any, mode: Any = UNDEFINED, cased: Any = UNDEFINED) -> str:
    slug = whole(text(value))
    name = "default" if mode is UNDEFINED else string(mode)
    kept = _KEPT.get(name)
    if kept:
        if mode == "latin":
            slug = slug.translate(_LATIN)
        if name == "__proto__":
            slug = slug.replace(OBJECT_TEXT, "-", 1)
        runs = groupby(slug, kept)
        slug = "".join("".join(run) if keep else "-" for keep, run in runs).removeprefix("-").removesuffix("-")
    return units(slug) if truthy(cased) else lower(slug)


FILTERS: Final[dict[str, Filter]] = {
    "cgi_escape": of_text(lambda string: _percent_encode(string, "").replace("%20", "+")),
    "escape": of_text(_escape),
    "escape_once": of_text(_escape_once),
    "slugify": of_values(_slugify),
    "strip_html": of_text(_strip_html),
    "uri_escape": of_text(_uri_escape),
    "url_decode": of_text(_url_decode),
    "url_encode": of_text(_url_encode),
    "xml_escape": of_text(_escape),
}
