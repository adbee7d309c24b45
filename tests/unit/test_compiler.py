"""Generated functions: what they read, what they build, and where they leave the road."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tockwork.destinations.tiktok.fields import WEB_FIELDS
from tockwork.destinations.tiktok.rows import Content, Fields
from tockwork.rules.compiler import MappingCompiler
from tockwork.rules.expressions import is_constant
from tockwork.rules.scalars import Uncoercible
from tockwork.rules.shape import Node, OffRoad, Shape


def compiled(*mappings: dict[str, Any]) -> Any:
    """The functions of some mappings that share a shape, as one from an event to their records."""
    shape = Shape()
    compilers = [MappingCompiler(WEB_FIELDS, Fields, {"event": "Purchase", **mapping}) for mapping in mappings]
    for compiler in compilers:
        compiler.collect(shape)
    decode = shape.decoder().decode
    functions = [compiler.function(shape) for compiler in compilers]

    def records(event: dict[str, Any]) -> list[dict[str, Any]]:
        decoded = decode(msgspec.json.encode(event))
        return [filled(function(decoded)) for function in functions]

    return records


def filled(record: Fields) -> dict[str, Any]:
    members = {key: getattr(record, key) for key in record.__struct_fields__ if getattr(record, key) is not None}
    assert members.pop("event") == "Purchase"
    return members


def path(where: str) -> dict[str, Any]:
    return {"@path": where}


def test_paths_literals_and_fallbacks() -> None:
    either = {"@if": {"exists": path("$.properties.a"), "then": path("$.properties.a"), "else": path("$.userId")}}
    records = compiled({"query": either, "value": path("$.properties.n"), "currency": {"@literal": "EUR"}, "total": 5})
    assert records({"userId": "u"}) == [{"query": "u", "currency": "EUR", "total": 5}]
    assert records({"properties": {"a": "", "n": "2.50"}}) == [{"currency": "EUR", "value": 2.5, "total": 5}]
    assert records({"properties": {"a": 7, "n": 10.0}}) == [{"currency": "EUR", "query": "7", "value": 10, "total": 5}]


def test_item_lists() -> None:
    item = {"price": path("$.price"), "content_id": path("$.id"), "brand": "Acme"}
    records = compiled({"contents": {"@arrayPath": ["$.properties.products", item]}})
    assert records({"properties": {"products": [{"price": 1}, {"id": 5}]}}) == [
        {"contents": [Content(price=1, brand="Acme"), Content(content_id="5", brand="Acme")]}
    ]
    assert records({"properties": {"products": []}}) == records({}) == [{}]
    with pytest.raises(msgspec.ValidationError):
        records({"properties": {"products": {"price": 1}}})


def test_an_item_made_of_the_properties() -> None:
    records = compiled({"contents": {"@arrayPath": ["$.properties", {"price": path("$.price"), "brand": "Acme"}]}})
    assert records({"properties": {"price": "3"}}) == [{"contents": [Content(price=3, brand="Acme")]}]
    assert records({"properties": None}) == records({}) == [{}]


def test_mappings_share_what_they_read() -> None:
    whole, inside = {"query": path("$.properties.tags")}, {"description": path("$.properties.tags[1]")}
    deeper = {"value": path("$.properties.price.amount"), "order_id": path("$.properties.price")}
    records = compiled(whole, inside, deeper)
    assert records({"properties": {"tags": ["a"], "price": 5}}) == [{"query": "a"}, {}, {"order_id": "5"}]
    assert records({"properties": {"tags": "xy"}}) == [{"query": "xy"}, {"description": "y"}, {}]


def test_conditions_that_events_decide() -> None:
    spec = {"event_spec_type": path("$.spec"), "event_source": "web", "vehicle_fields": {"make": path("$.make")}}
    records = compiled(spec)
    sent = {"event_source": "web", "event_spec_type": "vehicle_fields", "vehicle": {"make": "Volvo"}}
    assert records({"spec": "vehicle_fields", "make": "Volvo"}) == [sent]
    assert records({"make": "Volvo"}) == [{"event_source": "web"}]


def test_what_never_applies_is_not_even_read() -> None:
    shape = Shape()
    MappingCompiler(WEB_FIELDS, Fields, {"event": "Purchase", "search_string": path("$.secret")}).collect(shape)
    assert "secret" not in shape.root.children


@pytest.mark.parametrize(
    "fields",
    [
        {"query": {"@template": "{{a}}"}},
        {"query": {"@if": {"blank": path("$.a"), "then": "x"}}},
        {"query": {"@if": {"then": "x"}}},
        {"query": path("$.properties.constructor")},
        {"query": path("$.")},
        {"query": path("$.a\\b")},
        {"unknown": path("$.a")},
        {"address": path("$.context.traits.address")},
        {"address": {"unknown": path("$.a")}},
        {"contents": [{"price": 1}]},
        {"value": "12,50"},
        {"@literal": {"event": "Purchase"}},
        {"__segment_internal_directive": {"a": {"b": 1}}},
        {"event": None},
    ],
)
def test_mappings_without_a_fast_road(fields: dict[str, Any]) -> None:
    with pytest.raises(OffRoad):
        MappingCompiler(WEB_FIELDS, Fields, {"event": "Purchase", **fields})


@pytest.mark.parametrize(
    ("fields", "event"),
    [
        ({"value": path("$.a")}, {"a": "12,50"}),
        ({"query": path("$.a")}, {"a": {"b": 1}}),
        ({"content_type": path("$.a")}, {"a": "thing"}),
        ({"event": path("$.a")}, {}),
        ({"query": path("$.a.map")}, {"a": []}),
        ({"query": path("$.a.length.constructor")}, {"a": "x"}),
    ],
)
def test_events_that_leave_the_road(fields: dict[str, Any], event: dict[str, Any]) -> None:
    with pytest.raises((OffRoad, Uncoercible, msgspec.ValidationError)):
        compiled(fields)(event)


def test_nothing_of_a_users_is_run() -> None:
    text = "'); raise SystemExit('"
    records = compiled({"query": path(f"$.{text}"), "description": text, "order_id": path(f"$.x[0]{text}")})
    assert records({}) == [{"description": text}]


@pytest.mark.parametrize(
    ("value", "constant"),
    [(5, True), ("@path", True), ([1, {"a": None}], True), ({"a": {"@path": "x"}}, False), ([{"@literal": 1}], False)],
)
def test_constants(value: Any, constant: bool) -> None:
    assert is_constant(value) is constant


def test_a_member_of_any_name_has_an_attribute_of_its_own() -> None:
    node = Node()
    names = ["class", "a b", "field_0", "_x", "é", "type", "a-b"]
    attributes = [node.child(name).attribute for name in names]
    assert len(set(attributes)) == len(names)
    assert all(attribute.isidentifier() for attribute in attributes)
    for name in ('a"b', "a\\b", "\n", "\ud83d"):
        with pytest.raises(OffRoad):
            node.child(name)
