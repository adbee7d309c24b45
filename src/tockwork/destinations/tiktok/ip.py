"""The address of a person's device, if it is one that the internet can see.

TikTok wants the public IPv4 or IPv6 address of the end user ("Parameters"); a private one tells nothing and costs
matches. Documentation ranges (192.0.2.0/24, 198.51.100.0/24, 203.0.113.0/24, 2001:db8::/32) count as public: examples
use them and TikTok accepts them. Source of the ranges: IANA's special-purpose address registries.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Final

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_PRIVATE_V4: Final = "|".join(
    (
        r"10\.",
        r"127\.",
        r"192\.(?:168|0\.0)\.",
        r"172\.(?:1[6-9]|2[0-9]|3[01])\.",
        r"100\.(?:6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\.",  # carrier-grade NAT
        r"169\.254\.",
        r"198\.1[89]\.",  # benchmarks
    )
)
_FIRST_OCTET: Final = r"(?:22[0-3]|2[01][0-9]|1[0-9][0-9]|[1-9][0-9]?)"  # from 224 on: multicast, reserved
_public_v4 = re.compile(rf"(?!{_PRIVATE_V4}){_FIRST_OCTET}(?:\.{_OCTET}){{3}}").fullmatch

# 2000::/3 is all that is assigned to hosts; without 2001::/23 (IETF protocols, Teredo) and 2002::/16 (6to4).
_PRIVATE_V6: Final = "2001:(?:[0-9a-fA-F]{0,2}|0?[01][0-9a-fA-F]{2}):|2002:"
_GROUP: Final = ":[0-9a-fA-F]{1,4}+"
_COMPRESSED: Final = rf"(?!(?:[0-9a-fA-F]*+:){{8}}[0-9a-fA-F:])(?:{_GROUP})*+:(?:{_GROUP}(?:{_GROUP})*+|:)"
_public_v6 = re.compile(rf"(?!{_PRIVATE_V6})[23][0-9a-fA-F]{{3}}(?:{_GROUP * 7}|{_COMPRESSED})").fullmatch

_with_port = re.compile(r"([0-9.]+):[0-9]{1,5}|\[([^\]]*)\](?::[0-9]{1,5})?").fullmatch


def ip(value: str) -> str | None:
    """The public address in `value`, without port, brackets and zone; an IPv4 mapped into IPv6 as IPv4.

    None for private, shared, loopback, link-local, multicast and reserved addresses, and for what is no address.
    """
    return value if _public_v4(value) or _public_v6(value) else _unwrapped(value.strip())


def is_address(value: str) -> bool:
    """Whether `value` is an address at all, public or not: what tells a private one from rubbish."""
    text = _host(value.strip())
    return re.fullmatch(rf"{_OCTET}(?:\.{_OCTET}){{3}}", text) is not None or _parsed_v6(text) is not None


def _unwrapped(text: str) -> str | None:
    text = _host(text)
    if _public_v4(text):
        return text
    address = _parsed_v6(text)
    if address is None:
        return None
    if address.ipv4_mapped is not None:
        mapped = str(address.ipv4_mapped)
        return mapped if _public_v4(mapped) else None
    return address.compressed if _public_v6(address.compressed) else None


def _host(text: str) -> str:
    found = _with_port(text)
    return (found[1] or found[2] or "") if found else text


def _parsed_v6(text: str) -> IPv6Address | None:
    try:
        return IPv6Address(text.partition("%")[0])
    except AddressValueError:
        return None
