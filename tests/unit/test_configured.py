"""Configuration problems: all at once, each with its place, what is wrong, and how to mend it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tockwork.destinations.configured import ConfiguredMapping, configure
from tockwork.destinations.constants import missing_by_design
from tockwork.destinations.tiktok.conversions import CONVERSIONS
from tockwork.model.errors import ConfigurationError
from tockwork.model.secret import Secret
from tockwork.rules.fields import Field, When

SETTINGS = {"pixelCode": "C8E2OS3C77UABCDXYZ00"}


def mapping(**members: Any) -> dict[str, Any]:
    return {"name": "One", "trigger": 'event = "X"', "fields": {"event": "Purchase"}, **members}


def filled(**fields: Any) -> list[dict[str, Any]]:
    return [mapping(fields={"event": "Purchase", **fields})]


def problems(mappings: Any, settings: Any = None, pack: str | None = None) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        configure(CONVERSIONS, SETTINGS if settings is None else settings, mappings, pack)
    return [str(problem) for problem in caught.value.problems]


def advice(mappings: Any) -> list[str]:
    return configure(CONVERSIONS, SETTINGS, mappings, None)[2]


def test_everything_is_reported_at_once() -> None:
    found = problems(
        [
            mapping(trigger="event", fields={"event": "Purchase", "value": "12,50", "query": {"@pth": "$.a"}}),
            mapping(enabled="yes", nam="b"),
            5,
            {"trigger": "(", "action": "report", "fields": []},
        ],
        {"pixelcode": "x", "compute_value": 3},
    )
    assert [problem.split(": ")[0] for problem in found] == [
        "settings.pixelcode",
        "settings.pixelCode",
        "settings.compute_value",
        "mappings[0].trigger",
        "mappings[0].fields.value",
        "mappings[0].fields.query",
        "mappings[1].nam",
        "mappings[1].enabled",
        "mappings[2]",
        "mappings[3].action",
        "mappings[3].trigger",
        "mappings[3].fields",
        "mappings[1].name",
    ]


@pytest.mark.parametrize(
    ("mappings", "problem"),
    [
        (filled(value="12,50"), 'mappings[0].fields.value: expected a number, got "12,50"'),
        (filled(value=[1, 2]), "mappings[0].fields.value: expected a number, got [1,2]"),
        (filled(query="x" * 99, value="y" * 99), "mappings[0].fields.value: expected a number, got text"),
        (
            filled(event_source="webb"),
            "mappings[0].fields.event_source: expected one of web, crm, got \"webb\". Did you mean 'web'?",
        ),
        (filled(email={"a": 1}), 'mappings[0].fields.email: expected a string, got {"a":1}'),
        (
            filled(contents={"@arrayPath": ["$.properties.products", {"price": "free", "brand": {"@path": "$.b"}}]}),
            'mappings[0].fields.contents.price: expected a number, got "free"',
        ),
        (
            filled(contents=[{"price": 1}, {"price": "free"}]),
            'mappings[0].fields.contents[1].price: expected a number, got "free"',
        ),
        (filled(query={"@pth": "$.a"}), "mappings[0].fields.query: @pth is no directive. Did you mean @path?"),
        ([mapping(nam="x")], "mappings[0].nam: is no member of a mapping. Did you mean 'name'?"),
        (
            [mapping(subscribe="event = null")],
            "mappings[0].subscribe: means the same as 'trigger', which is there too. Keep one of them.",
        ),
        ([mapping(name=5)], "mappings[0].name: expected text, got a number"),
        ([mapping(enabled=1)], "mappings[0].enabled: expected true or false, got a number"),
        ([mapping(action="report")], "mappings[0].action: 'report' is no action. Did you mean 'reportWebEvent'?"),
        (
            [mapping(trigger=None)],
            'mappings[0].trigger: expected a trigger in FQL, got null. Write: event = "Order Completed"',
        ),
        ([mapping(fields=[])], "mappings[0].fields: expected an object of fields, got a list of 0"),
        (["x"], "mappings[0]: expected an object with name, trigger and fields, got text"),
        (
            [mapping(), mapping()],
            "mappings[1].name: 'One' is taken by an earlier mapping. Give every mapping its own name.",
        ),
        ({"a": 1}, "mappings: expected a list of mappings, got an object"),
        (
            [mapping(name=str(number)) for number in range(51)],
            "mappings: expected at most 50, got 51. "
            "Remove some, or connect the destination a second time for the rest.",
        ),
    ],
)
def test_a_problem_says_where_what_and_how_to_mend_it(mappings: Any, problem: str) -> None:
    assert problems(mappings) == [problem]


def test_a_required_field_is_missed() -> None:
    (problem,) = problems([mapping(fields={})])
    assert problem.startswith("mappings[0].fields.event: is required. ")


def test_a_trigger_problem_has_its_column() -> None:
    (problem,) = problems([mapping(trigger="event")])
    assert problem.startswith("mappings[0].trigger: ")
    assert "column" in problem
    assert problem.endswith('For example: type = "track" and event = "Order Completed"')


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ([1], "settings: expected an object of settings, got a list of 1"),
        (
            {**SETTINGS, "acessToken": "t"},
            "settings.acessToken: is no setting of this destination. Did you mean 'accessToken'?",
        ),
        ({**SETTINGS, "accessToken": 55}, "settings.accessToken: expected text, got a number"),
        ({**SETTINGS, "event_id": "x"}, "settings.event_id: expected one of message-id, order"),
    ],
)
def test_settings(settings: Any, problem: str) -> None:
    assert problems(None, settings) == [problem]


def test_packs_by_name() -> None:
    assert len(configure(CONVERSIONS, SETTINGS, None, None)[1]) == 15
    assert len(configure(CONVERSIONS, SETTINGS, None, "documented-2023")[1]) == 7
    assert problems(None, pack="segment") == ["preset_pack: 'segment' is no pack. Did you mean 'segment-2026'?"]


def test_segments_exports_are_read() -> None:
    exported = {
        "name": "One",
        "subscribe": 'event = "X"',
        "partnerAction": "reportWebEvent",
        "mapping": {"event": "Purchase", "enable_batching": True, "batch_size": 5},
    }
    _, (one,), said, _ = configure(CONVERSIONS, SETTINGS, [exported], None)
    assert isinstance(one, ConfiguredMapping)
    assert (one.name, one.trigger.source, one.action.key) == ("One", 'event = "X"', "reportWebEvent")
    assert said == []


def test_a_mapping_without_a_name_is_called_by_its_place() -> None:
    assert configure(CONVERSIONS, SETTINGS, [mapping(name=None)], None)[1][0].name == "mappings[0]"


def test_a_mapping_whose_root_is_a_directive_is_left_to_its_events() -> None:
    root = {"@merge": {"direction": "left", "objects": [{"event": "Purchase"}, {"@path": "$.properties"}]}}
    assert advice([mapping(fields=root)]) == []


def test_secrets_are_wrapped() -> None:
    values, _, _, _ = configure(CONVERSIONS, {**SETTINGS, "accessToken": "t"}, None, None)
    assert values["accessToken"] == Secret("t")


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (mapping(trigger='event = "X" and evnt = "y"'), "mappings[0].trigger: column "),
        (*filled(query={"@liquid": "{% nope %}"}), "mappings[0].fields.query: @liquid: "),
        (*filled(query={"@if": {"then": "x"}}), "mappings[0].fields.query: @if needs 'exists' or 'blank'"),
        (
            *filled(descripton="x"),
            "mappings[0].fields.descripton: is no field of Report Web Event, so it is not sent. Did you mean",
        ),
    ],
)
def test_what_looks_wrong_is_advice(one: dict[str, Any], expected: str) -> None:
    assert any(text.startswith(expected) for text in advice([one]))


def test_fields_that_the_constants_of_a_mapping_require() -> None:
    source = Field(key="source", label="", help="")
    lead = Field(key="lead", label="", help="Map it.", required=When({"source": ("crm",)}))
    (problem,) = missing_by_design((source, lead), {"source": "crm"})
    assert str(problem) == "lead: is required when source is crm, so every event will be invalid. Map it."
    assert list(missing_by_design((source, lead), {"source": "web"})) == []
    assert list(missing_by_design((source, lead), {"source": {"@path": "$.crm"}})) == []


def test_configured_mappings_are_plain_values() -> None:
    (one,) = configure(CONVERSIONS, SETTINGS, filled(value=5), None)[1]
    assert one.fields == {"event": "Purchase", "value": 5, "total": {"@path": "$.properties.total"}}
    assert msgspec.structs.asdict(one)["enabled"] is True
