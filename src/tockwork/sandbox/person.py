"""What there is to say about the `user` object.

Sources: Events API, "Parameters", "Send TikTok Click ID", "Send the _ttp cookie", "Limited Data Use"; help centre,
Pixel Helper 2.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from tockwork.sandbox.catalogue import Finding
from tockwork.sandbox.schema import USER

_HEX: Final = re.compile(r"[0-9a-fA-F]+")
_EMAIL: Final = re.compile(r"(?<=[^\s@/?&=])(?:@|%40)[^\s@/?&=]+\.[^\s@/?&=.]")
_PHONE: Final = re.compile(r"\+?[\d\s().\-/]{6,24}")
_LOCALE: Final = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{1,8})*")
_TOOL: Final = re.compile(
    r"(node|axios|got|undici|curl|wget|python|aiohttp|okhttp|go-http-client|java|ruby|faraday|php|guzzle|postman)\b",
    re.IGNORECASE,
)
_PLACEHOLDERS: Final = ("null", "undefined", "none", "nan", "(null)", "[object object]")
_EMPTY_HASH: Final = sha256(b"").hexdigest()
_PLACEHOLDER_HASHES: Final = frozenset(
    sha256(text.encode()).hexdigest()
    for word in (*_PLACEHOLDERS, "None", "NaN", "[object Object]", " ")
    for text in (word, word.strip())
) - {_EMPTY_HASH}
_HASH_LENGTHS: Final = {32: "hash_md5", 40: "hash_sha1", 64: ""}
_COLUMN_LIMITS: Final = frozenset({255, 256, 500})
_MATCH_KEYS: Final = ("email", "phone", "external_id", "ttclid", "ttp", "ip", "idfa", "idfv", "gaid", "lead_id")


def is_email(text: str) -> bool:
    """Whether an e-mail address stands in `text`, plain or percent-encoded."""
    return _EMAIL.search(text) is not None


def is_placeholder(text: str) -> bool:
    return text.strip().lower() in _PLACEHOLDERS


def is_hash(text: str) -> bool:
    return len(text) == 64 and _HEX.fullmatch(text) is not None


def user_findings(user: dict[str, Any], source: str) -> Iterator[Finding]:
    for name, field in USER.items():
        value = user.get(name)
        items = enumerate(value) if isinstance(value, list) else (("", value),)
        for index, item in items:
            if isinstance(item, str) and item.strip():
                path = f"user.{name}.{index}" if index != "" else f"user.{name}"
                if field.hashed:
                    yield from _hashed(item, path)
                else:
                    yield from _plain(name, item, path)
    if user.get("ip") and not user.get("user_agent") and source in ("web", "app"):
        yield Finding("ip_without_user_agent", "user.user_agent")
    if source == "offline":
        if not (user.get("email") or user.get("phone")):
            yield Finding("offline_without_contact", "user")
    elif source != "crm" and not any(user.get(name) for name in _MATCH_KEYS):
        yield Finding("no_match_key", "user")


def _hashed(value: str, path: str) -> Iterator[Finding]:
    if is_email(value):
        yield Finding("email_raw", path)
    elif _PHONE.fullmatch(value) and (path.startswith("user.phone") or value.startswith("+")):
        yield Finding("phone_raw", path)
    elif _HEX.fullmatch(value) is None or (code := _HASH_LENGTHS.get(len(value))) is None:
        yield Finding("hash_expected", path)
    elif code:
        yield Finding(code, path)
    elif value.lower() == _EMPTY_HASH:
        yield Finding("hash_of_empty", path)
    elif value.lower() in _PLACEHOLDER_HASHES:
        yield Finding("hash_of_placeholder", path)
    elif value != value.lower():
        yield Finding("hash_upper_case", path)


def _plain(name: str, value: str, path: str) -> Iterator[Finding]:
    if name in ("idfa", "gaid"):
        right = value.upper() if name == "idfa" else value.lower()
        if value != right and not is_hash(value):
            yield Finding("device_id_case", path)
    elif is_hash(value):
        yield Finding("hash_unexpected", path)
    elif is_email(value):
        yield Finding("email_raw", path)
    elif name == "ttclid":
        yield from _click_id(value, path)
    elif name == "ttp":
        if value.upper().startswith("E.C.P."):
            yield Finding("ttp_is_ttclid", path)
    elif (code := _shape(name, value)) is not None:
        yield Finding(code, path)


def _click_id(value: str, path: str) -> Iterator[Finding]:
    if ".tt." in value:
        yield Finding("ttclid_is_ttp", path)
    if len(value) > 1000:
        yield Finding("ttclid_too_long", path)
    elif len(value) in _COLUMN_LIMITS:
        yield Finding("ttclid_truncated", path)
    if len(value) >= 20 and value.islower():
        yield Finding("ttclid_lower_cased", path)


def _shape(name: str, value: str) -> str | None:
    match name:
        case "ip":
            return _address(value)
        case "user_agent":
            return "user_agent_tool" if _TOOL.match(value) else None
        case "locale":
            return None if _LOCALE.fullmatch(value) else "locale_shape"
        case "country":
            return None if len(value) == 2 and value.isascii() and value.islower() else "country_shape"
        case "city" | "state":
            # A letter of a script without case is neither upper nor lower, and combining marks are no letters.
            tidy = value == value.lower() and not any(char.isspace() or char in ".,;:'’-_/()" for char in value)
            return None if tidy else "not_normalised"
        case _:
            return None


def _address(value: str) -> str | None:
    try:
        address = ip_address(value)
    except ValueError:
        return "ip_invalid"
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return None if address.is_global else "ip_not_public"
