"""The cookies that hold TikTok's ids for a shop's visitor: ``ttclid``, of the last click on an ad, and ``_ttp``.

They are set by HTTP, since Safari keeps what a script sets for a week, and for a day where the visitor came by an ad's
link. They are not HttpOnly: TikTok's Pixel and our loader read them, which is what they are for.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

import msgspec

from tockwork.ingest.answer import Answer
from tockwork.ingest.source import Source

CLICK_S: Final = 28 * 86_400
"""As long as TikTok's longest window from a click to a conversion."""
VISITOR_S: Final = 395 * 86_400
"""13 months (TikTok, "Using cookies with TikTok Pixel")."""
MAX_ID: Final = 1000
"""Characters of a click id (TikTok, "Send TikTok click id")."""

TTCLID: Final = "ttclid"
TTP: Final = "_ttp"

_fit = re.compile(r"[!#-+\--:<-\[\]-~]+").fullmatch
"""What a cookie can hold as it is (RFC 6265, cookie-octet)."""


class Claim(msgspec.Struct, rename="camel"):
    """What a page says of its visitor; with `forget`, that both cookies are to go."""

    write_key: str
    ttclid: str | None = None
    ttp: str | None = None
    forget: bool = False


_decoder = msgspec.json.Decoder(Claim)


def read_claim(body: bytes) -> Claim:
    """Raises `Answer` for anything but a claim that cookies can hold."""
    try:
        claim = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _invalid("expected a JSON object with writeKey, and ttclid, ttp or forget") from None
    for name, value in (("ttclid", claim.ttclid), ("ttp", claim.ttp)):
        if value is not None and not is_id(value):
            what = f"expected 1 to {MAX_ID} characters that a cookie can hold"
            raise _invalid(f"{name}: {what}, found {len(value)} characters")
    return claim


def is_id(value: object) -> bool:
    """Whether a value can be an id: never one that would have to be cut or written differently."""
    return type(value) is str and len(value) <= MAX_ID and _fit(value) is not None


def cookies(claim: Claim, domain: str, *, secure: bool) -> list[str]:
    """The ``Set-Cookie`` values that keep a claim. `domain` is empty for the server's own host."""
    kept = [(TTCLID, claim.ttclid, CLICK_S), (TTP, claim.ttp, VISITOR_S)]
    where = f"; Domain={domain}" if domain else ""
    how = f"; Path=/{where}; SameSite=Lax{'; Secure' if secure else ''}"
    if claim.forget:
        return [f"{name}=; Max-Age=0{how}" for name, _, _ in kept]
    return [f"{name}={value}; Max-Age={age}{how}" for name, value, age in kept if value]


def cookie_domain(source: Source, origin: str, host: str) -> str | None:
    """Where cookies for the visitors of `origin` go, empty for `host` (ours) alone; None where they may not have any.

    A source that lists its origins trusts no other. One that does not trusts those that share a domain with us: they
    could set these cookies themselves, and a domain that belongs to many (``co.uk``) is refused by the browser.
    """
    page, ours = _name(urlsplit(origin).netloc), _name(host)
    if source.allowed_origins and origin not in source.allowed_origins:
        return None
    if source.cookie_domain:
        inside = all(_within(name, source.cookie_domain) for name in (page, ours))
        return (
            source.cookie_domain if inside or (source.allowed_origins and _within(ours, source.cookie_domain)) else None
        )
    if page == ours:
        return "" if page else None
    shared = _shared(page, ours)
    return shared or ("" if source.allowed_origins else None)


def _shared(one: str, other: str) -> str:
    """The domain that two hosts have in common; empty where it is less than two names, or one is an address."""
    common: list[str] = []
    if not (_is_address(one) or _is_address(other)):
        for mine, yours in zip(reversed(one.split(".")), reversed(other.split(".")), strict=False):
            if mine != yours:
                break
            common.insert(0, mine)
    return ".".join(common) if len(common) > 1 else ""


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _name(netloc: str) -> str:
    try:
        return urlsplit(f"//{netloc}").hostname or ""
    except ValueError:
        return ""


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _invalid(message: str) -> Answer:
    return Answer(400, "invalid_identity", message)
