"""Conditions of the match keys in ``user``, one delivery at a time.

Sources: TikTok, "Parameters" and Pixel Helper 2.0; integrators' reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

from tockwork.destinations.diagnosis import Basis, Condition, Place, Seen, Severity
from tockwork.destinations.tiktok.hashing import WORTHLESS, is_hash, is_weak_hash
from tockwork.destinations.tiktok.ip import ip as public_address

HASHED: Final = ("email", "phone", "external_id", "first_name", "last_name", "zip_code")
CUT_AT: Final = frozenset({255, 256, 500})
"""Lengths at which databases and forms cut a click id off."""
_CASED: Final = 20  # a click id without a capital in so many characters has lost them
_TTP_SIGN: Final = ".tt."

_has_email = re.compile(r"[^\s@/?&=#:;,<>\"'()]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}").search
_is_program = re.compile(
    r"^(?:node|node-fetch|undici|axios|got|curl|wget|python|aiohttp|httpx|requests|go-http|java|okhttp|apache|ruby|"
    r"faraday|php|guzzle|postman|insomnia|analytics-|dart|libwww|perl|undefined)",
    re.IGNORECASE,
).search


def _values(seen: Seen, *members: str) -> Iterator[str]:
    for member in members:
        value = seen.user.get(member)
        yield from (one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str))


def _given(seen: Seen, field: str) -> bool:
    return bool(seen.user.get(field)) or seen.warned(field)


def _bad_email(seen: Seen) -> bool | None:
    return seen.warned("email", "is no e-mail address") if _given(seen, "email") else None


def _bad_phone(seen: Seen) -> bool | None:
    return seen.warned("phone", "is no possible phone number") if _given(seen, "phone") else None


def _nothing_hashed(seen: Seen) -> bool:
    return any("hash of an empty value" in text for text in seen.warnings) or any(
        value in WORTHLESS for value in _values(seen, *HASHED)
    )


def _weak_hash(seen: Seen) -> bool:
    return any("MD5 or SHA-1" in text for text in seen.warnings) or any(
        is_weak_hash(value.lower()) for value in _values(seen, *HASHED)
    )


def _not_hashed(seen: Seen) -> bool | None:
    values = list(_values(seen, *HASHED))
    return any(not is_hash(value) and not is_weak_hash(value.lower()) for value in values) if values else None


def _placeholder(seen: Seen) -> bool:
    return any("is a placeholder" in text for text in seen.warnings)


def _in_the_open(seen: Seen) -> bool:
    """An e-mail address where none belongs, which TikTok gets unhashed."""
    page, properties = seen.row.get("page"), seen.properties
    texts = [seen.name, *(properties.get(key) for key in ("description", "query", "search_string", "form_name"))]
    texts += [page.get(key) for key in ("url", "referrer")] if isinstance(page, dict) else []
    return any(isinstance(text, str) and _has_email(unquote(text)) for text in texts)


def _no_key(seen: Seen) -> bool:
    return any(text.startswith("no match key") for text in seen.warnings)


def _private_address(seen: Seen) -> bool | None:
    if seen.warned("ip", "private or reserved"):
        return True
    addresses = list(_values(seen, "ip"))
    return any(public_address(one) is None for one in addresses) if addresses else None


def _program(seen: Seen) -> bool | None:
    agents = list(_values(seen, "user_agent"))
    return any(_is_program(agent) for agent in agents) if agents else None


def _cut_off(seen: Seen) -> bool | None:
    ids = list(_values(seen, "ttclid"))
    return any(len(one) in CUT_AT for one in ids) if ids else None


def _lost_capitals(seen: Seen) -> bool | None:
    ids = list(_values(seen, "ttclid"))
    return any(one.startswith("e.c.p.") or (len(one) >= _CASED and one.islower()) for one in ids) if ids else None


def _is_cookie(seen: Seen) -> bool | None:
    ids = list(_values(seen, "ttclid"))
    return any(_TTP_SIGN in one for one in ids) if ids else None


def _limited_without_address(seen: Seen) -> bool | None:
    return None if seen.row.get("limited_data_use") is not True else not seen.user.get("ip")


def _condition(code: str, level: Severity, title: str, **rest: Any) -> Condition:
    members: dict[str, Any] = {"basis": Basis.THIRD_PARTY, "place": Place.SOURCE, **rest}
    return Condition(code=code, level=level, title=title, **members)


PEOPLE: Final = (
    _condition(
        "email_malformed",
        Severity.ERROR,
        "Email addresses that are none",
        meaning="What was given as an e-mail address has not the form name@domain, so it is left out.",
        fix="Mend it where the event is made, or map email to where the address is. SHA-256 hashes pass.",
        basis=Basis.OFFICIAL,
        place=Place.MAPPING,
        field="email",
        check=_bad_email,
        refused=True,
    ),
    _condition(
        "phone_malformed",
        Severity.ERROR,
        "Phone numbers that are none",
        meaning="A number cannot be read as E.164, nor as one of the default region, so it is left out.",
        fix="Send numbers with + and country code, or set Default Region to where your customers are.",
        basis=Basis.OFFICIAL,
        place=Place.SETTINGS,
        field="default_region",
        check=_bad_phone,
        refused=True,
    ),
    _condition(
        "hash_of_nothing",
        Severity.ERROR,
        "Hashes of an empty value",
        meaning="Somebody hashed an empty text or a placeholder. TikTok takes such a hash and matches nobody, or the "
        "wrong one.",
        fix="Send nothing where there is no value: check for it before you hash.",
        check=_nothing_hashed,
        refused=True,
    ),
    _condition(
        "hash_weak",
        Severity.ERROR,
        "MD5 or SHA-1 in place of SHA-256",
        meaning="TikTok matches SHA-256 only; other hashes are left out.",
        fix="Send the plain value, which Tockwork normalises and hashes, or its SHA-256 in hex.",
        check=_weak_hash,
        refused=True,
    ),
    _condition(
        "not_hashed",
        Severity.ERROR,
        "A value where TikTok wants a hash",
        meaning="Email, phone, external id, names and zip code must be 64 hex digits: others match nobody, and "
        "personal data leaves unprotected.",
        fix="Report this: Tockwork hashes these fields itself.",
        basis=Basis.OFFICIAL,
        place=Place.MAPPING,
        check=_not_hashed,
        sources=("web", "offline", "crm"),
    ),
    _condition(
        "personal_data_exposed",
        Severity.ERROR,
        "An email address in the open",
        meaning="An e-mail address stands in the page's address, a search or a description, where it is sent unhashed. "
        "TikTok forbids that.",
        fix="Take it out of the page's address where the shop makes it, or out of the mapping's field.",
        check=_in_the_open,
    ),
    _condition(
        "placeholder",
        Severity.WARNING,
        "Values such as undefined or null",
        meaning="A program wrote a word where it had no value. Tockwork leaves such values out.",
        fix="Mend it where the event is made.",
        check=_placeholder,
        refused=True,
    ),
    _condition(
        "no_match_key",
        Severity.WARNING,
        "Nobody to match",
        meaning="The event has no email, phone, external id, click id, cookie, IP address or user agent: TikTok cannot "
        "attribute it.",
        fix="Send at least context.ip and context.userAgent, and email or phone where you know them.",
        check=_no_key,
    ),
    _condition(
        "ip_private",
        Severity.WARNING,
        "Private IP addresses",
        meaning="The address belongs to a private network or is reserved: that of a proxy or a server.",
        fix="Have your proxy pass the visitor's address on, and name it in TOCKWORK_TRUSTED_PROXIES; servers send "
        "context.ip.",
        field="ip",
        check=_private_address,
        refused=True,
    ),
    _condition(
        "user_agent_program",
        Severity.WARNING,
        "The user agent is a program's",
        meaning="It is that of a library on your server, such as node or curl, and not that of the visitor's browser.",
        fix="Send the visitor's own as context.userAgent, as it came with their request; or leave it out.",
        field="user_agent",
        check=_program,
        sources=("web",),
    ),
    _condition(
        "ttclid_cut_off",
        Severity.WARNING,
        "Click ids that look cut off",
        meaning="They are just as long as a database column: 255, 256 or 500 characters. TikTok's may have 1,000, and "
        "a shortened one matches nothing.",
        fix="Keep the click id in a column of at least 1,000 characters.",
        field="ttclid",
        check=_cut_off,
    ),
    _condition(
        "ttclid_lower_case",
        Severity.WARNING,
        "Click ids in lower case",
        meaning="A click id's capitals count: one that was lower-cased matches nothing.",
        fix="Do not change the landing page's address, nor the click id, before it is stored.",
        field="ttclid",
        check=_lost_capitals,
    ),
    _condition(
        "ttclid_is_a_cookie",
        Severity.WARNING,
        "The click id is the cookie _ttp",
        meaning="What stands in ttclid is the visitor's id from the cookie _ttp, so the click is lost.",
        fix="Map ttp to the cookie, and ttclid to the landing page's parameter.",
        place=Place.MAPPING,
        field="ttclid",
        check=_is_cookie,
    ),
    _condition(
        "limited_without_ip",
        Severity.WARNING,
        "Limited Data Use without an IP address",
        meaning="TikTok finds the state by the IP address; without one it cannot tell whether the limits hold.",
        fix="Send the visitor's address as context.ip.",
        field="ip",
        check=_limited_without_address,
        sources=("web",),
    ),
)
