"""The integrations object of an event."""

from __future__ import annotations

from typing import Any

import pytest

from tockwork.rules.gate import folded, switched_off

NAMES = {folded("TikTok Conversions")}


@pytest.mark.parametrize(
    ("integrations", "off"),
    [
        ({}, False),
        (None, False),
        ("All", False),
        ({"All": True}, False),
        ({"All": False}, True),
        ({"all": False}, True),
        ({"All": False, "TikTok Conversions": True}, False),
        ({"TikTok Conversions": {"ttclid": "x"}, "All": False}, False),
        ({"TikTok Conversions": False}, True),
        ({"Tiktok Conversions": False}, True),
        ({"tiktokconversions": False, "All": True}, True),
        ({"TikTok Conversions": 0}, False),
        ({"TikTok Pixel": False}, False),
    ],
)
def test_what_switches_a_destination_off(integrations: Any, off: bool) -> None:
    assert switched_off(integrations, NAMES) is off
