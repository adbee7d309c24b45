"""City, state, country and zip code of a person.

Only the zip code is hashed; TikTok takes the others in plain lower case, without spaces and punctuation, and the
country as ISO 3166-1 alpha-2 (TikTok, "Parameters").
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Final
from unicodedata import normalize

from tockwork.destinations.tiktok.countries import COUNTRIES
from tockwork.destinations.tiktok.hashing import PLACEHOLDERS, SHORTEST_HASH, hashed, is_any_hash
from tockwork.destinations.tiktok.names import NO_WORDS, bare

_CODES: Final = {spelling: code for code in COUNTRIES for spelling in (code, code.upper())}
_ADDITION: Final = re.compile(r"[,(].*", re.DOTALL)
_STYLE: Final = re.compile(r"(?:the)?(?:republicof|kingdomof)?(?:the)?")
_DASHES: Final = dict.fromkeys(map(ord, "-‐‑‒–—―−－ー"))
_NO_ZIPS: Final = NO_WORDS | {"".join(text.split()) for text in PLACEHOLDERS}
PLACES_KEPT: Final = 4096
"""Places whose spelling was worked out lately: many people live in few places."""
_ZIP: Final = 5
_ZIP_PLUS_4: Final = 9


@lru_cache(maxsize=PLACES_KEPT)
def city(value: str) -> str | None:
    """The bare city, not hashed: "São Paulo" becomes "sãopaulo". None for nothing, placeholders and hashes."""
    text = bare(value)
    return None if text in NO_WORDS or is_any_hash(text) else text


state = city


def country(value: str) -> str | None:
    """ISO 3166-1 alpha-2 in lower case, of a code (2 or 3 letters) or an English or native name.

    A country that is not known stays as its bare text, as with Segment: `is_country` tells. None for nothing,
    placeholders and hashes.
    """
    code = _CODES.get(value)
    if code is not None:
        return code
    text = city(value)
    return text and (_code(text) or _code(_STYLE.sub("", bare(_ADDITION.sub("", value)), count=1)) or text)


def is_country(code: str) -> bool:
    """Whether `code`, as `country` returns it, is the code of a country. Kosovo's xk counts."""
    return code in COUNTRIES


@lru_cache(maxsize=PLACES_KEPT)
def zip_code(value: str, country: str | None = None) -> str | None:
    """Hash of the zip code as `bare_zip` makes it. A SHA-256 passes; None for nothing, placeholders, MD5 and SHA-1."""
    text = bare_zip(value, country)
    return None if text is None else hashed(text)


def bare_zip(value: str, country: str | None = None) -> str | None:
    """The lower-cased zip code without spaces and dashes; five digits in the United States.

    `country` is what `country` returned. Without one, nine digits are taken for an American ZIP+4. None when no letter
    or digit is left, and for placeholders.
    """
    text = value.lower()
    if not (text.isascii() and text.isalnum()):
        text = "".join(text.split()).translate(_DASHES)
        if not any(map(str.isalnum, text)):
            return None
    if text in _NO_ZIPS:
        return None
    american = country == "us" or (not country and len(text) == _ZIP_PLUS_4 and text.isdecimal())
    if american and len(text) < SHORTEST_HASH and text[:_ZIP].isdecimal():
        text = text[:_ZIP]
    return text


def _code(spelling: str) -> str | None:
    codes = _codes()
    return codes.get(spelling) or codes.get(_unaccented(spelling))


@cache
def _codes() -> dict[str, str]:
    """The code of every bare spelling, with its accents and without ("españa", "espana")."""
    codes = {bare(spelling): code for code, spellings in COUNTRIES.items() for spelling in (code, *spellings)}
    return {_unaccented(spelling): code for spelling, code in codes.items()} | codes


def _unaccented(text: str) -> str:
    return "".join([char for char in normalize("NFD", text) if char.isalnum()])
