"""Addresses of devices: public ones only."""

from __future__ import annotations

import ipaddress
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.destinations.tiktok.ip import ip, is_address

# Where "public" is not what `ipaddress` of every Python version calls global.
DOCUMENTATION = [
    ipaddress.ip_network(text) for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
]
NOT_OURS = [
    ipaddress.ip_network(text)
    for text in ("192.0.0.0/24", "224.0.0.0/4", "2001::/23", "2002::/16", "3fff::/20")  # 3fff::/20: newer Pythons
]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("8.8.8.8", "8.8.8.8"),
        (" 8.8.8.8\n", "8.8.8.8"),
        ("8.8.8.8:443", "8.8.8.8"),
        ("[8.8.8.8]", "8.8.8.8"),
        ("::ffff:8.8.8.8", "8.8.8.8"),
        ("[::ffff:8.8.8.8]:80", "8.8.8.8"),
        ("2001:db8::1", "2001:db8::1"),
        ("2A00:1450:4001:82A::200E", "2A00:1450:4001:82A::200E"),
        ("2a00:1450:4001:082a:0000:0000:0000:200e", "2a00:1450:4001:082a:0000:0000:0000:200e"),
        ("[2a00:1450:4001:82a::200e]:443", "2a00:1450:4001:82a::200e"),
        ("2a00:1450:4001:82a::200e%eth0", "2a00:1450:4001:82a::200e"),
        ("2a00:1450:4001:82a::", "2a00:1450:4001:82a::"),
        ("2a00:1:2:3:4:5:6::", "2a00:1:2:3:4:5:6::"),
    ],
)
def test_public_addresses(value: str, expected: str) -> None:
    assert ip(value) == expected
    assert ip(expected) == expected
    assert is_address(value)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "127.0.0.1",
            "0.0.0.0",
            "169.254.1.1",
            "100.64.0.1",
        ),
        *("198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.1", "10.0.0.1:8080"),
        *("::", "::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "100::1", "64:ff9b::8.8.8.8"),
        *("::ffff:10.0.0.1", "[::1]:80", "2001::1", "2001:1ff::1", "2002:c0a8:101::1"),
    ],
)
def test_private_addresses_are_left_out(value: str) -> None:
    assert ip(value) is None
    assert is_address(value)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " ",
            "unknown",
            "localhost",
            "8.8.8",
            "8.8.8.8.8",
            "256.1.1.1",
            "1.2.3.04",
            "8.8.8.8, 10.0.0.1",
            "-",
            "::g",
        ),
        *("2a00:::1", "2a00::1::2", "2a00:1:2:3:4:5:6:7:8", "2a00:1:2:3:4:5:6:7::", "2a00:1:2:3:4:5:6", "٨.8.8.8"),
    ],
)
def test_rubbish_is_no_address(value: str) -> None:
    assert ip(value) is None
    assert not is_address(value)


def expected_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool | None:
    """What `ipaddress` says; None where our list differs on purpose."""
    same = [network for network in (*DOCUMENTATION, *NOT_OURS) if network.version == address.version]
    if any(address in network for network in same if network in DOCUMENTATION):
        return True
    if any(address in network for network in same):
        return None
    if address.version == 6 and address not in ipaddress.ip_network("2000::/3"):
        return False
    return address.is_global


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_ipv4_agrees_with_ipaddress(seed: int) -> None:
    chance = random.Random(seed)
    heads = ["", "10.", "100.", "127.", "169.254.", "172.", "192.", "192.168.", "192.0.", "198.", "203.0.", "22", "25"]
    for _ in range(20):
        octets = [str(chance.randint(0, 255)) for _ in range(4)]
        head = chance.choice(heads)
        text = ".".join(
            (head.rstrip(".").split(".") + octets)[-4:] if not head else (head + ".".join(octets)).split(".")[:4]
        )
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            assert ip(text) is None
            continue
        public = expected_public(address)
        if public is not None:
            assert ip(text) == (text if public else None), text


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_ipv6_agrees_with_ipaddress(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(20):
        first = chance.choice([0x2001, 0x2002, 0x2A00, 0x3FFE, 0xFE80, 0xFD00, 0, chance.randrange(0x10000)])
        groups = [first, *(chance.choice([0, 0, 1, 0x1FF, 0x200, 0xDB8, chance.randrange(0x10000)]) for _ in range(7))]
        address = ipaddress.IPv6Address(":".join(f"{group:x}" for group in groups))
        public = expected_public(address)
        for text in (
            address.compressed,
            address.exploded,
            address.exploded.upper(),
            ":".join(f"{g:x}" for g in groups),
        ):
            if public is not None and address.ipv4_mapped is None:
                assert ip(text) == (text if public else None), text
            assert is_address(text)


@settings(max_examples=200)
@given(st.text("0123456789abcF:.[]% ", max_size=40))
def test_what_is_no_address_is_never_kept(text: str) -> None:
    kept = ip(text)
    if kept is not None:
        assert ipaddress.ip_address(kept).compressed == ipaddress.ip_address(ip(kept) or "").compressed
