"""Whose event it is: the marks that an event, or the row made of it, carries of a person. Pure.

A mark is the SHA-256 of a normalised user id, e-mail address or phone number, the same that TikTok gets. Ids, addresses
and numbers share one space: an id that is an address has the address's mark.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

import msgspec

from tockwork.destinations.tiktok.hashing import SHA256_DIGITS, given_hash
from tockwork.destinations.tiktok.user import email, external_id, phone

Mark = bytes
"""32 bytes."""

_IDS: Final = ("userId", "anonymousId", "previousId")
_PHONES: Final = frozenset({"phone", "phones", "phone_number", "phonenumber", "phone_numbers", "mobile"})
"""Names of members that hold phone numbers, lower-cased."""
_LONGEST_NUMBER: Final = 64
_phone: Final = lru_cache(maxsize=8192)(phone)
"""People come with many events each, and an unusual number takes long to read."""
_STARTS: Final = frozenset("+ \t\n\r")
"""What a number in E.164 begins with, as people write it."""
_NESTED: Final = frozenset({dict, list})
_addresses = re.compile(r"""[^\s@<>()\[\]:;,"'?&=/#\\]+@[^\s@<>()\[\]:;,"'?&=/#\\]+""").findall
_decode: Final = msgspec.json.Decoder().decode


class _User(msgspec.Struct):
    external_id: list[str] | str = []
    email: list[str] | str = []
    phone: list[str] | str = []


class _Row(msgspec.Struct):
    user: _User = msgspec.field(default_factory=_User)


_decode_row: Final = msgspec.json.Decoder(_Row).decode


def mark(value: str) -> Mark | None:
    """The mark of what a person is known by: a user id, an e-mail address, a phone number that begins with "+", or the
    SHA-256 of one of them. None for what is blank or a placeholder, or is no possible number."""
    text = value.strip()
    return _bytes(phone(text) if text.startswith("+") else external_id(text))


def event_marks(entry: bytes, regions: Collection[str] = ("US",)) -> set[Mark]:
    """The marks of an event, given as JSON.

    They are those of its ids; of every e-mail address, SHA-256 and number that begins with "+" in it, wherever it
    stands; and of what stands under a name such as ``phone``, as a number of each of the `regions`.
    """
    try:
        event = _decode(entry)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return set()
    if not isinstance(event, dict):
        return set()
    found = {_id(event.get(key)) for key in _IDS}
    texts: list[tuple[bool, str]] = []
    _gather(event, False, texts)
    for is_phone, text in texts:
        if "@" in text or "%40" in text:
            found.add(email(text))
            found.update(email(each) for each in _addresses(unquote(text)))
        if is_phone:
            found.update([_phone(text, region) for region in regions])
        elif text.lstrip()[:1] == "+" and len(text) <= _LONGEST_NUMBER:
            found.add(_phone(text, "US"))
        if len(text) == SHA256_DIGITS:
            found.add(given_hash(text.lower()))
    return {bytes.fromhex(digest) for digest in found if digest is not None}


def row_marks(row: bytes) -> set[Mark]:
    """The marks of a row's ``user``; none of a row that is shaped otherwise."""
    try:
        user = _decode_row(row).user
    except (msgspec.DecodeError, msgspec.ValidationError):
        return set()
    values = (value for member in (user.external_id, user.email, user.phone) for value in _listed(member))
    return {made for value in values if (made := _bytes(external_id(value))) is not None}


def _listed(value: list[str] | str) -> list[str]:
    return [value] if isinstance(value, str) else value


def _id(value: Any) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # as JavaScript writes it
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    return (phone(text) if text.startswith("+") else None) or external_id(text)


def _gather(value: Any, is_phone: bool, texts: list[tuple[bool, str]]) -> None:
    """Adds the texts in a value that may be marks, members' own names among them, each with whether it stands under the
    name of a phone number."""
    if value.__class__ is dict:
        for name, part in value.items():
            phones, has_address = _told_by(name)
            phones = phones or is_phone
            if has_address:
                texts.append((False, name))
            if part.__class__ is str:
                if phones or "@" in part or "%40" in part or len(part) == SHA256_DIGITS or part[:1] in _STARTS:
                    texts.append((phones, part))
            elif part.__class__ in _NESTED or phones:
                _gather(part, phones, texts)
    elif value.__class__ is list:
        for part in value:
            _gather(part, is_phone, texts)
    elif value.__class__ is str or (is_phone and value.__class__ is int):
        texts.append((is_phone, str(value)))


@lru_cache(maxsize=4096)
def _told_by(name: str) -> tuple[bool, bool]:
    """Whether a member of this name holds phone numbers, and whether the name may itself be an address."""
    return name.lower() in _PHONES, "@" in name or "%40" in name


def _bytes(digest: str | None) -> Mark | None:
    return None if digest is None else bytes.fromhex(digest)
