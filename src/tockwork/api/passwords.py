"""Passwords: which are good enough, and how they are kept. Scrypt, with its parameters and salt in the text."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import unicodedata
from base64 import b64decode, b64encode
from hashlib import scrypt
from typing import Final

from tockwork.api.problem import invalid
from tockwork.model.errors import Problem
from tockwork.store.accounts import key

LEAST: Final = 10
MOST: Final = 200
COST: Final = (2**15, 8, 3)
"""N, r and p of scrypt: 32 MB, and some 0.2 s. Source: OWASP's Password Storage Cheat Sheet, second choice."""
AT_ONCE: Final = 2
"""So many are computed at a time, so that memory and processors are left to the rest of the server."""
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32
COMMON: Final = frozenset(
    """
    password12 password123 password1234 passw0rd123 password12345 passwordpassword passwort123 1234567890 12345678901
    123456789012 0123456789 0987654321 1111111111 0000000000 1q2w3e4r5t 1qaz2wsx3edc qwertyuiop qwertzuiop qwerty1234
    qwerty12345 qwerty123456 qwertyuiop123 asdfghjkl1 asdfghjkl; zaq12wsxcde3 abcdefghij abcdef1234 abc1234567
    iloveyou123 iloveyou12 letmein123 letmein1234 welcome123 welcome1234 administrator admin12345 admin123456
    adminadmin changeme123 changeme1234 football123 baseball123 superman123 princess123 sunshine123 dragon12345
    monkey12345 master12345 michael123 computer123 internet123 trustno1trustno1 tockwork123 tockworktockwork
    tiktoktiktok segmentsegment
    """.split()
)
"""The commonest of at least `LEAST` characters, without regard to case. Source: the lists of leaked passwords that NCSC
and SecLists publish, and our own name."""


def ensure_good(password: str, name: str, where: str = "password") -> None:
    """Raises `Refused` for a password that is easily guessed, or too long to be computed in good time."""
    if len(password) < LEAST:
        what, mend = (
            f"is too short: {LEAST} characters are the least",
            "Four or five random words are easy to remember.",
        )
    elif len(password) > MOST:
        what, mend = f"is too long: {MOST} characters are the most", "Choose a shorter one."
    elif key(name) and key(password) in (key(name), key(name) * 2):
        what, mend = "is the name", "Choose one that nobody can guess from who you are."
    elif password.casefold() in COMMON or len(set(password)) < 3:
        what, mend = "is one of those that are tried first", "Four or five random words are easy to remember."
    else:
        return
    raise invalid(Problem(where, what, mend))


class Passwords:
    """Computes passwords' hashes, beside the event loop and not too many at once."""

    def __init__(self, cost: tuple[int, int, int] | None = None) -> None:
        self._cost = cost or COST
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._nobody = _text(self._cost, secrets.token_bytes(SALT_BYTES), secrets.token_bytes(HASH_BYTES))

    async def hashed(self, password: str) -> str:
        """What is kept of a password."""
        salt = secrets.token_bytes(SALT_BYTES)
        return _text(self._cost, salt, await self._derived(password, self._cost, salt))

    async def fits(self, password: str, kept: str) -> bool:
        """Whether `password` is the one that `kept` was made of. Without one (empty), it takes as long, and is not."""
        cost, salt, expected = _parts(kept or self._nobody)
        derived = await self._derived(password[: MOST + 1], cost, salt)
        return hmac.compare_digest(derived, expected) and bool(kept)

    async def _derived(self, password: str, cost: tuple[int, int, int], salt: bytes) -> bytes:
        typed = unicodedata.normalize("NFKC", password)  # keyboards differ in how they compose letters
        async with self._turns:
            return await asyncio.to_thread(_derive, typed.encode("utf-8", "replace"), cost, salt)


def _derive(password: bytes, cost: tuple[int, int, int], salt: bytes) -> bytes:
    n, r, p = cost
    room = 128 * r * (n + p + 2)
    return scrypt(password, salt=salt, n=n, r=r, p=p, maxmem=room, dklen=HASH_BYTES)


def _text(cost: tuple[int, int, int], salt: bytes, derived: bytes) -> str:
    return "$".join(("scrypt", *map(str, cost), b64encode(salt).decode(), b64encode(derived).decode()))


def _parts(kept: str) -> tuple[tuple[int, int, int], bytes, bytes]:
    _, n, r, p, salt, derived = kept.split("$")
    return (int(n), int(r), int(p)), b64decode(salt), b64decode(derived)
