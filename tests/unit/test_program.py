"""What the server compiles for a page: instructions, fields, and nothing that is no page's business."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pytest

from tockwork.destinations import program
from tockwork.destinations.configured import configure
from tockwork.destinations.connection import Connection
from tockwork.destinations.device import browser_settings, compiled
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.destinations.tiktok.pixel import PIXEL, REPORT
from tockwork.model.errors import ConfigurationError
from tockwork.rules.fql import BROKEN
from tockwork.rules.trigger import Trigger

SETTINGS: Final = {"pixelCode": "C8E2OS3C77UABCDXYZ00"}


def connection(fields: dict[str, Any], trigger: str = 'type = "track"', **more: Any) -> Connection:
    return Connection(
        PIXEL, SETTINGS, [{"name": "M", "trigger": trigger, "fields": {"event": "Purchase", **fields}}], **more
    )


@pytest.mark.parametrize(
    ("mapping", "instruction"),
    [
        ("a", "a"),
        (None, None),
        ([1, {"a": 2}], ["const", [1, {"a": 2}]]),
        ({"a": {"__proto__": 1, "b": 2}}, ["const", {"a": {"b": 2}}]),
        ({"@path": "$.a['b'][0].c"}, ["path", "a", "b", "0", "c"]),
        ({"@path": {"@path": "$.a"}}, ["pathOf", ["path", "a"]]),
        ({"@template": "a {{ b.c }}!"}, ["template", "a ", ["b", "c"], "!"]),
        ({"@template": "{{{a}}}"}, ["templateOf", "{{{a}}}"]),
        ({"@if": {"exists": {"@path": "$.a"}, "then": 1}}, ["exists", ["path", "a"], 1, ["nothing"]]),
        ({"@if": {"blank": {"@path": "$.a"}, "else": 2}}, ["blank", ["path", "a"], ["nothing"], 2]),
        ({"@if": {}}, ["fail"]),
        ({"@case": {"operator": "upper", "value": {"@path": "$.a"}}}, ["case", ["path", "a"], "upper"]),
        ({"@case": {"operator": "odd", "value": "a"}}, ["case", "a", None]),
        (
            {"@replace": {"pattern": "a", "value": {"@path": "$.b"}, "ignorecase": True}},
            ["replace", ["path", "b"], "ig", [["a", ""]]],
        ),
        ({"@replace": {"pattern": "a", "value": "b", "global": False}}, ["replace", "b", "", [["a", ""]]]),
        ({"@replace": {"pattern": "a", "value": "b", "global": "no"}}, ["replace", "b", "", None]),
        ({"@replace": {"pattern": "a" * 11, "value": "b"}}, ["replace", "b", "g", [["", ""]]]),
        ({"@arrayPath": ["$.a"]}, ["path", "a"]),
        (
            {"@arrayPath": ["$.a", {"b": {"@path": "$.c"}}]},
            ["each", ["path", "a"], ["object", {"b": ["path", "c"]}]],
        ),
        ({"@flatten": {"separator": ".", "value": {"@path": "$.a"}}}, ["flatten", ["path", "a"], ".", False]),
        ({"@json": {"mode": "encode", "value": {"@path": "$.a"}}}, ["encode", ["path", "a"]]),
        ({"@json": {"mode": "Decode", "value": "a"}}, ["drop", "a"]),
        ({"@merge": {"direction": "left", "objects": [{"@path": "$.a"}]}}, ["merge", "left", ["path", "a"]]),
        (
            {"@transform": {"apply": {"a": {"@path": "$.b"}}, "mapping": {"@path": "$.a"}}},
            ["transform", ["object", {"a": ["path", "b"]}], ["path", "a"]],
        ),
        ({"@excludeWhenNull": {"@path": "$.a"}}, ["withoutNulls", ["path", "a"]]),
        ({"@literal": {"@path": "$.a"}}, ["path", "a"]),
        ({"@unknown": 1}, ["fail"]),
    ],
)
def test_mappings(mapping: Any, instruction: Any) -> None:
    assert program.mapping(mapping) == instruction


@pytest.mark.parametrize(
    ("trigger", "instruction"),
    [
        ('type = "track"', ["and", ["=", ["type"], "track"]]),
        ("properties.a.b > 5", ["and", [">", ["properties", "a", "b"], 5.0]]),
        ("traits.a = null or userId != null", ["or", ["not_exists", ["traits", "a"]], ["exists", ["userId"]]]),
        ('!match(context.a, "b*")', ["and", ["not_starts_with", ["context", "a"], "b"]]),
        ("properties.a > word", ["and", [">", ["properties", "a"], "NaN"]]),
    ],
)
def test_triggers(trigger: str, instruction: Any) -> None:
    assert program.trigger(Trigger.parse(trigger).root) == instruction


def test_a_trigger_that_segment_fails_at() -> None:
    assert program.trigger(BROKEN) == ["fail"]


def test_liquid_is_refused_with_its_place() -> None:
    fields = {"event": "Purchase", "value": {"@if": {"exists": 1, "then": {"@liquid": "{{ a }}"}}}}
    mapping = {"name": "M", "trigger": 'type = "track"', "fields": fields}
    with pytest.raises(ConfigurationError) as caught:
        configure(PIXEL, SETTINGS, [mapping], None)
    (problem,) = caught.value.problems
    assert problem.where == "mappings[0].fields.value.@if.then"
    assert "@liquid does not run in a browser" in problem.what
    assert "@template" in problem.mend
    assert configure(CONVERSIONS, SETTINGS, [mapping], None).mappings, "the server runs it"


def test_a_member_of_that_name_is_no_directive() -> None:
    assert list(program.unfit({"a": {"@liquid": "x", "b": 1}})) == []


def test_fields_that_constants_rule_out_stay_behind() -> None:
    keys = {
        field.key for field in program.needed(REPORT.fields, {field.key: {"@path": "$.a"} for field in REPORT.fields})
    }
    assert {"vehicle_fields", "travel_fields", "search_string"} <= keys
    mapping = {field.key: {"@path": "$.a"} for field in REPORT.fields} | {"event": "Purchase", "event_spec_type": ""}
    keys = {field.key for field in program.needed(REPORT.fields, mapping)}
    assert keys.isdisjoint({"vehicle_fields", "travel_fields", "search_string"})


def test_what_is_left_behind_fails_all_the_same() -> None:
    one = connection({"unknown": {"@template": {"@path": "$.a"}}, "also_unknown": {"@path": "$.b"}})
    (mapping,) = compiled(one)["mappings"]
    assert [compiled(one)["values"][place][0] for place in mapping["also"]] == ["templateOf"]


def test_mappings_share_what_is_equal() -> None:
    plain = compiled(Connection(PIXEL, SETTINGS))
    assert len(plain["mappings"]) == 16
    assert len({msgspec.json.encode(value) for value in plain["values"]}) == len(plain["values"])
    assert len(msgspec.json.encode(plain)) < 16_000


def test_a_disabled_mapping_stays_behind() -> None:
    mappings = [
        {"name": name, "trigger": 'type = "track"', "fields": {"event": name}, "enabled": name == "A"} for name in "AB"
    ]
    assert [mapping["name"] for mapping in compiled(Connection(PIXEL, SETTINGS, mappings))["mappings"]] == ["A"]


def test_privacy_goes_along() -> None:
    privacy = {
        "consent": {"categories": ["Ads"], "mode": "any"},
        "opt_out": "block",
        "fields": {"deny": ["value", "email"]},
    }
    fields = {"value": {"@path": "$.value"}, "email": {"@path": "$.email"}, "currency": "EUR"}
    plain = compiled(connection(fields, privacy=privacy))
    assert plain["consent"] == {"categories": ["Ads"], "mode": "any", "missing": "block"}
    assert plain["blocked"] is True
    assert "$.email" not in str(plain)
    assert {field["key"] for field in plain["fields"]}.isdisjoint({"value", "email"})
    assert {"value", "email"} <= set(plain["mappings"][0]["hidden"])


def test_a_page_cannot_limit_single_events() -> None:
    with pytest.raises(ConfigurationError, match="TikTok Pixel cannot limit data use"):
        connection({}, privacy={"opt_out": "limit"})


def test_only_public_settings_are_published() -> None:
    settings = {**SETTINGS, "partner_name": "Acme", "default_region": "DE", "ldu": True}
    published = browser_settings(Connection(PIXEL, settings))
    assert set(published) == {"pixelCode", "ldu", "useExistingPixel", "partner_name", "program"}
    assert set(published["program"]) == {
        "names",
        "mappings",
        "values",
        "fields",
        "code",
        "page",
        "compute",
        "orderIds",
        "dialling",
        "placeholders",
        "worthless",
        "countries",
    }


def test_a_destination_of_the_server_publishes_nothing() -> None:
    with pytest.raises(ValueError, match="does not run in a browser"):
        browser_settings(Connection(CONVERSIONS, {**SETTINGS, "accessToken": "canary"}))


def test_a_secret_that_is_declared_public_is_an_error() -> None:
    assert PIXEL.device is not None
    careless = msgspec.structs.replace(
        PIXEL,
        settings=CONVERSIONS.settings + PIXEL.settings[1:],
        device=msgspec.structs.replace(PIXEL.device, public=("accessToken",)),
    )
    with pytest.raises(ValueError, match="declares a secret setting public"):
        browser_settings(Connection(careless, {**SETTINGS, "accessToken": "canary"}))
