"""What was exported from Segment, in the wrappers that it comes in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.configuration import segment
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.destinations.connection import Connection

CONVERSIONS = DESTINATIONS["tiktok-conversions"]
PIXEL = DESTINATIONS["tiktok-pixel"]
FIELDS = {"event": "Search", "query": {"@path": "$.properties.q"}, "enable_batching": True}
TRIGGER = 'event = "Products Searched"'
PUBLIC = {
    "id": "s1",
    "name": "Find",
    "actionId": "a1",
    "actionSlug": "reportWebEvent",
    "destinationId": "d1",
    "enabled": True,
    "trigger": TRIGGER,
    "settings": FIELDS,
}
PRESET = {
    "partnerAction": "reportWebEvent",
    "name": "Find",
    "subscribe": TRIGGER,
    "mapping": FIELDS,
    "type": "automatic",
}
TERRAFORM = {
    "name": "Find",
    "enabled": True,
    "trigger": TRIGGER,
    "action_id": "x",
    "settings": msgspec.json.encode(FIELDS).decode(),
}
QUERY = {"name": "Find", "enabled": True, "subscribe": TRIGGER, "action": {"slug": "reportWebEvent"}, "mapping": FIELDS}


@pytest.mark.parametrize("one", [PUBLIC, PRESET, TERRAFORM, QUERY])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda one: one,
        lambda one: [one],
        lambda one: {"data": {"subscription": one}},
        lambda one: {"data": {"subscriptions": [one], "pagination": {"current": "MA==", "totalEntries": 1}}},
        lambda one: {"data": {"destination": {"subscriptions": {"edges": [{"node": one}]}}}},
        lambda one: {"resource": {"segment_destination_subscription": {"find": one}}},
    ],
)
def test_the_wrappers(one: dict[str, Any], wrap: Any) -> None:
    found = segment.mappings(wrap(one), CONVERSIONS)
    (mapping,) = found.mappings
    assert mapping == {
        "name": "Find",
        "trigger": TRIGGER,
        "action": "reportWebEvent",
        "fields": FIELDS,
        "enabled": True,
    }
    Connection(CONVERSIONS, {"pixelCode": "C1234567890ABCDEFGH"}, found.mappings)


def test_actions_by_their_ids() -> None:
    exported = {
        "metadata": {"actions": [{"id": "a9", "slug": "identify", "name": "Identify"}]},
        "subscriptions": [{"name": "Who", "actionId": "a9", "trigger": 'type = "identify"', "settings": {}}],
    }
    found = segment.mappings(exported, PIXEL)
    assert found.mappings[0]["action"] == "identify"
    assert found.remarks == []


def test_what_is_not_understood_is_said() -> None:
    odd = {"trigger": TRIGGER, "actionId": "strange", "settings": FIELDS, "colour": "red"}
    found = segment.mappings([odd, {**PUBLIC, "settings": "{"}, {**PUBLIC, "mapping": 5, "settings": None}], PIXEL)
    assert [one["name"] for one in found.mappings] == ["Search"]
    assert {remark.where for remark in found.remarks} == {"[0].action", "[0].colour", "[1].settings", "[2].mapping"}


def test_two_of_one_name() -> None:
    assert [one["name"] for one in segment.mappings([PUBLIC, PUBLIC], CONVERSIONS).mappings] == ["Find", "Find 2"]


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"slug": "actions-tiktok-conversions"}, "tiktok-conversions"),
        ({"name": "TikTok Conversions"}, "tiktok-conversions"),
        ({"name": "Tiktok Pixel (Actions)"}, "tiktok-pixel"),
        ({"slug": "actions-tiktok-offline-conversions"}, "tiktok-offline-conversions"),
        ({"name": "Mixpanel"}, ""),
    ],
)
def test_which_destination_it_is(metadata: dict[str, str], kind: str) -> None:
    found = segment.destination({"data": {"destination": {"name": "X", "metadata": metadata, "settings": {}}}})
    assert found.kind == kind


def test_a_kind_that_is_named() -> None:
    found = segment.destination({"name": "Shop", "settings": {"pixelCode": "P"}, "list": [PUBLIC]}, "tiktok-pixel")
    assert (found.kind, found.name, found.settings) == ("tiktok-pixel", "Shop", {"pixelCode": "P"})
    assert len(found.mappings) == 1


texts = st.one_of(
    st.text(max_size=8), st.sampled_from(["trigger", "settings", "mapping", "name", "actionId", "metadata"])
)
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), texts),
    lambda parts: st.one_of(st.lists(parts, max_size=4), st.dictionaries(texts, parts, max_size=6)),
    max_leaves=20,
)


@given(anything)
def test_anything_at_all(exported: Any) -> None:
    assert all(isinstance(one["fields"], dict) for one in segment.mappings(exported, CONVERSIONS).mappings)
    segment.destination(exported, "tiktok-conversions")
    segment.destination(exported)
