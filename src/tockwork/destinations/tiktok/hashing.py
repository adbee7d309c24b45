"""SHA-256 as TikTok wants it, and what must never be hashed.

TikTok takes the SHA-256 of a person's fields as 64 lower-case hex digits, and says nothing when it gets the hash of an
empty string or of a program's "undefined": the row is accepted and matches nobody (TikTok, "Parameters").
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final


def _own_sha256() -> Callable[[bytes], Any]:
    """CPython's own SHA-256, else OpenSSL's: for texts this short, setting OpenSSL up costs as much as the hash."""
    for module in ("_sha2", "_sha256"):  # from Python 3.12 on, and before
        with suppress(ImportError):
            own: Callable[[bytes], Any] = import_module(module).sha256
            return own
    return hashlib.sha256


sha256: Final = _own_sha256()

PLACEHOLDERS: Final = frozenset(
    {
        "undefined",
        "null",
        "nan",
        "none",
        "(null)",
        "<null>",
        "(none)",
        "(not set)",
        "[object object]",
        "__clickid__",  # TikTok's own URL macro, left as it is when an ad is only previewed
    }
)
"""What programs write where a value is missing, trimmed and lower-cased."""

LONGEST_PLACEHOLDER: Final = max(map(len, PLACEHOLDERS))
_HEADS: Final = frozenset(head for text in PLACEHOLDERS for head in (text[0], text[0].upper()))

WORTHLESS: Final = frozenset({sha256(text.encode()).hexdigest() for text in PLACEHOLDERS | {""}})
"""Hashes that stand for no person: somebody hashed an empty value or a placeholder before it came here."""

SHA256_DIGITS: Final = 64
SHORTEST_HASH: Final = 32
"""The hex digits of an MD5: a shorter text is no hash, which spares it the question."""
_is_sha256 = re.compile(r"[0-9a-f]{64}").fullmatch
_is_weak = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}").fullmatch


def is_placeholder(value: str) -> bool:
    """Whether `value` is blank, or what a program writes where it has none ("undefined", " NULL")."""
    head = value[:1]
    if head and head not in _HEADS and not head.isspace():
        return False
    text = value.strip().lower()
    return not text or text in PLACEHOLDERS


def digest(text: str) -> str | None:
    """SHA-256 of the text's UTF-8 bytes, in lower-case hex. None for text that has no UTF-8 form (a lone surrogate)."""
    try:
        found: str = sha256(text.encode()).hexdigest()
    except UnicodeEncodeError:
        return None
    return found


def is_hash(text: str) -> bool:
    """Whether lower-cased `text` has the shape of a SHA-256."""
    return len(text) == SHA256_DIGITS and _is_sha256(text) is not None


def is_weak_hash(text: str) -> bool:
    """Whether lower-cased `text` has the shape of an MD5 or a SHA-1, which TikTok cannot match."""
    return len(text) in (32, 40) and _is_weak(text) is not None


def is_any_hash(text: str) -> bool:
    """Whether lower-cased `text` has the shape of a SHA-256, SHA-1 or MD5."""
    return is_hash(text) or is_weak_hash(text)


def given_hash(text: str) -> str | None:
    """Lower-cased `text` when it is the SHA-256 of a value, else None."""
    return text if is_hash(text) and text not in WORTHLESS else None


def hashed(text: str) -> str | None:
    """The hash of normalised text, or the text itself when it came as a SHA-256. None for every other kind of hash."""
    if len(text) < SHORTEST_HASH:
        return digest(text)
    return given_hash(text) if is_any_hash(text) else digest(text)
