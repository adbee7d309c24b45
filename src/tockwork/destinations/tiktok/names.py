"""First and last names, and the letters that remain of any word once case, spaces and punctuation are gone."""

from __future__ import annotations

from typing import Final
from unicodedata import category, normalize

from tockwork.destinations.tiktok.hashing import PLACEHOLDERS, SHORTEST_HASH, digest, hashed

_KEPT: Final = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Mn", "Mc"})
_SELECTORS: Final = frozenset(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))  # marks that follow emoji
_ASCII_DROPPED: Final = {code: None for code in range(128) if not chr(code).isalnum()}


def bare(value: str) -> str:
    """Lower-case letters, marks and digits of any script, composed (NFC); "" when no letter or digit is left.

    TikTok takes letters of any script ("Parameters"), so "São Paulo" becomes "sãopaulo", where Segment keeps A to Z
    and 0 to 9 only.
    """
    if value.isascii():
        lowered = value.lower()
        return lowered if lowered.isalnum() else lowered.translate(_ASCII_DROPPED)
    kept = normalize("NFC", value)
    if not kept.isalnum():
        kept = "".join([char for char in kept if category(char) in _KEPT and char not in _SELECTORS])
        if not any(map(str.isalnum, kept)):
            return ""
    return normalize("NFC", kept.lower())


NO_WORDS: Final = frozenset({*map(bare, PLACEHOLDERS), ""})
"""What `bare` makes of placeholders and of nothing."""


def name(value: str) -> str | None:
    """Hash of a first or last name: "Anne-Marie O'Neil" counts as "annemarieoneil". A SHA-256 passes.

    None when no letter is left, and for placeholders, MD5 and SHA-1.
    """
    text = value.lower() if value.isascii() and value.isalnum() else bare(value)
    if text in NO_WORDS:
        return None
    return digest(text) if len(text) < SHORTEST_HASH else hashed(text)


first_name = name
last_name = name
