"""A person's match keys, normalised and hashed: one function for each field of TikTok's ``user``.

All cloud destinations share them. Each takes a string and returns the finished one, or None when nothing usable is in
it; `problem` then tells what was wrong with it, for a warning. Normalising what is normalised changes nothing, and a
SHA-256 (64 hex digits) passes wherever TikTok wants a hash. Rules: TikTok, "Parameters" and "Set up external_id";
Segment, "PII Hashing".
"""

from __future__ import annotations

import re
from typing import Final

from tockwork.destinations.tiktok.address import city, country, is_country, state, zip_code
from tockwork.destinations.tiktok.click_id import click_id, ttclid
from tockwork.destinations.tiktok.hashing import (
    LONGEST_PLACEHOLDER,
    PLACEHOLDERS,
    SHA256_DIGITS,
    WORTHLESS,
    digest,
    given_hash,
    is_hash,
    is_weak_hash,
)
from tockwork.destinations.tiktok.ip import ip, is_address
from tockwork.destinations.tiktok.names import first_name, last_name, name
from tockwork.destinations.tiktok.phone import e164, phone

__all__ = [
    "UNUSABLE",
    "city",
    "click_id",
    "country",
    "e164",
    "email",
    "external_id",
    "first_name",
    "ip",
    "is_country",
    "last_name",
    "name",
    "phone",
    "plain",
    "problem",
    "state",
    "ttclid",
    "zip_code",
]

# Lenient on purpose: it asks for name@domain.tld without spaces and without the signs that wrap or join addresses.
_NOT_IN_EMAIL: Final = r'\s@()<>\[\]:;,\\"'
_is_email = re.compile(rf"[^{_NOT_IN_EMAIL}]++@[^{_NOT_IN_EMAIL}.]++(?:\.[^{_NOT_IN_EMAIL}.]++)++").fullmatch

UNUSABLE: Final = {
    "email": "is no e-mail address: expected name@domain",
    "phone": "is no possible phone number: expected E.164, or a number of the default region",
    "external_id": "is no readable text",
    "first_name": "has no letter in it",
    "last_name": "has no letter in it",
    "zip_code": "has no letter or digit in it",
    "city": "has no letter in it",
    "state": "has no letter in it",
    "country": "is no country: expected an ISO 3166-1 code or a country's name",
    "ip": "is no IP address",
}
"""What is wrong with a value that is neither blank, nor a placeholder, nor a hash that cannot be used."""


def email(value: str) -> str | None:
    """Hash of the trimmed, lower-cased address; dots and tags stay. None for what is no e-mail. A SHA-256 passes."""
    text = value.strip().lower()
    return digest(text) if _is_email(text) else given_hash(text)


def external_id(value: str) -> str | None:
    """Hash of the trimmed, lower-cased id, so that pixel and server agree. None for placeholders. A SHA-256 passes.

    An MD5 or SHA-1 counts as an id like any other: many ids look like that.
    """
    text = value.strip().lower()
    if len(text) == SHA256_DIGITS and is_hash(text):
        return given_hash(text)
    return digest(text) if text and text not in PLACEHOLDERS else None


def plain(value: str) -> str | None:
    """`value`, trimmed, for ttp, locale and user_agent, which TikTok takes as they are. None for placeholders."""
    text = value.strip()
    return text if len(text) > LONGEST_PLACEHOLDER or (text and text.lower() not in PLACEHOLDERS) else None


def problem(field: str, value: str) -> str | None:
    """Why `value` was of no use for `field`, in words that never hold the value; None when it is blank.

    To be asked where the field's function returned None, or `country` returned what `is_country` does not know.
    """
    text = value.strip().lower()
    if not text:
        return None
    if text in PLACEHOLDERS:
        return "is a placeholder, such as undefined or null, and no value: mend it where the event is made"
    if text in WORTHLESS:
        return "is the hash of an empty value or of a placeholder: mend it where the event is made"
    if is_weak_hash(text):
        return "looks like an MD5 or SHA-1 hash: send the plain value or its SHA-256"
    if is_hash(text):
        return "is a hash, where TikTok takes the plain value"
    if field == "ip" and is_address(text):
        return "is a private or reserved address, which no person on the internet has"
    return UNUSABLE.get(field, "is of no use")
