"""Mappings: what each directive gives, what is refused, and that nothing runs away."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.rules.directives import DIRECTIVES, ROOT
from tockwork.rules.mapping import Mapping, MappingError, ResolveError

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "userId": "u1",
    "properties": {
        "total": 45.50,
        "zero": 0,
        "none": None,
        "empty": "",
        "flag": True,
        "products": [{"sku": "s-1", "price": 10.0, "tags": ["a", None, [1, 2]]}, {"sku": "s-2"}],
        "json": '{"b":1,"2":[1e400,{"c":null}],"1":"x"}',
        "street": "STRASSE straße",
        "emoji": "a😀b",
        "big": 12345678901234567890,
        "text": "a.b*a.b",
        "braces": "{{event}}",
    },
}

PRODUCTS = {"@path": "$.properties.products"}
TOTAL = {"@path": "$.properties.total"}


def resolve(mapping: Any, event: dict[str, Any] = EVENT) -> Any:
    return Mapping.parse({"v": mapping}).resolve(event).get("v", "nothing")


@pytest.mark.parametrize(
    ("mapping", "value"),
    [
        # what is no directive
        ("text", "text"),
        ({"a": [1, None, {"b": 10.0}]}, {"a": [1, None, {"b": 10}]}),
        ({"b": 1, "2": 2, "1": TOTAL}, {"1": 45.5, "2": 2, "b": 1}),
        ([{"@path": "$.missing"}, TOTAL], [None, 45.5]),
        ({"x": {"@path": "$.missing"}}, {}),
        # @path
        (TOTAL, 45.5),
        ({"@path": "$.properties.products[0].price"}, 10),
        ({"@path": "$.properties.products[0].tags"}, ["a", None, [1, 2]]),
        ({"@path": "$.properties.none"}, None),
        ({"@path": "$.properties.zero.deeper"}, 0),
        ({"@path": "$.missing"}, "nothing"),
        ({"@path": "$.constructor"}, "nothing"),
        ({"@path": {"@template": "$.properties.{{type}}"}}, "nothing"),
        ({"@path": {"@template": "$.{{type}}Id"}}, "nothing"),
        ({"@path": {"@literal": "$.userId"}}, "u1"),
        ({"@path": "$.properties.big"}, 12345678901234567000),
        ({"@path": "$.properties.emoji[1]"}, "\ud83d"),
        ({"@path": "$.userId", "_metadata": {"label": "x"}}, "u1"),
        # @template
        ({"@template": "{{ event }}: {{properties.total}}"}, "Order Completed: 45.5"),
        ({"@template": "{{{event}}}{{missing}}{{properties.none}}"}, "Order Completed"),
        (
            {"@template": "{{properties.products.0.tags}} {{properties.flag}} {{properties}}"},
            "a,,1,2 true [object Object]",
        ),
        ({"@template": "{{properties.products.0.price}}"}, "10"),
        ({"@template": "{{properties.emoji.1}}{{properties.emoji.2}}"}, "😀"),
        ({"@template": "{{{properties.braces}}} {{properties.braces}}"}, "Order Completed {{event}}"),
        ({"@template": "{{}} {{ }} {event} {{event} {{$.event}}"}, "{{}} [object Object] {event} {{event} "),
        ({"@template": "{{event.constructor}}"}, "function String() { [native code] }"),
        ({"@template": {"@path": "$.properties.braces"}}, "Order Completed"),
        # @if
        ({"@if": {"exists": TOTAL, "then": "yes", "else": "no"}}, "yes"),
        ({"@if": {"exists": {"@path": "$.properties.none"}, "then": "yes", "else": "no"}}, "no"),
        ({"@if": {"exists": {"@path": "$.properties.zero"}, "then": "yes"}}, "yes"),
        ({"@if": {"exists": {"@path": "$.missing"}, "then": "yes"}}, "nothing"),
        ({"@if": {"exists": TOTAL, "then": False}}, False),
        ({"@if": {"exists": {"@path": "$.missing"}, "then": 1, "else": 0}}, "nothing"),
        ({"@if": {"blank": {"@path": "$.properties.empty"}, "then": "full", "else": "blank"}}, "blank"),
        ({"@if": {"blank": {"@path": "$.properties.zero"}, "then": "full", "else": "blank"}}, "blank"),
        ({"@if": {"blank": PRODUCTS, "then": "full", "else": "blank"}}, "full"),
        ({"@if": {"blank": [[]], "then": "full", "else": "blank"}}, "blank"),
        ({"@if": {"blank": {"a": 1}, "exists": None, "then": "full", "else": "blank"}}, "blank"),
        # @case
        ({"@case": {"operator": "lower", "value": {"@path": "$.event"}}}, "order completed"),
        ({"@case": {"operator": "upper", "value": {"@path": "$.properties.street"}}}, "STRASSE STRASSE"),
        ({"@case": {"operator": "lower", "value": "ΑΣ ΑΣΑ İ"}}, "ας ασα i\u0307"),
        ({"@case": {"operator": "title", "value": TOTAL}}, 45.5),
        ({"@case": {"operator": "lower"}}, "nothing"),
        # @replace
        (
            {"@replace": {"pattern": "a.b", "replacement": "[$&]", "value": {"@path": "$.properties.text"}}},
            "[a.b]*[a.b]",
        ),
        ({"@replace": {"pattern": "a", "replacement": "$`$'$$$1", "global": False, "value": "xaxx"}}, "xxxx$$1xx"),
        ({"@replace": {"pattern": "E", "ignorecase": True, "value": {"@path": "$.event"}}}, "Ordr Compltd"),
        ({"@replace": {"pattern": "e", "value": {"@path": "$.event"}}}, "Ordr Compltd"),
        ({"@replace": {"pattern": ".", "replacement": ",", "value": TOTAL}}, "45,5"),
        ({"@replace": {"pattern": "t", "value": {"@path": "$.properties.flag"}}}, "rue"),
        ({"@replace": {"pattern": "x", "value": PRODUCTS}}, ""),
        ({"@replace": {"pattern": "x", "value": ""}}, "nothing"),
        ({"@replace": {"pattern": "a", "replacement": "b", "pattern2": "b", "value": "abc"}}, "c"),
        ({"@replace": {"pattern": "\ud83d", "replacement": "", "value": {"@path": "$.properties.emoji"}}}, "a\ude00b"),
        # @arrayPath
        ({"@arrayPath": ["$.properties.products", {"id": {"@path": "$.sku"}}]}, [{"id": "s-1"}, {"id": "s-2"}]),
        ({"@arrayPath": ["$.properties", {"t": {"@path": "$.total"}}]}, [{"t": 45.5}]),
        ({"@arrayPath": ["$.properties.products", {"@path": "$.sku"}]}, ["s-1", "s-2"]),
        (
            {"@arrayPath": ["$.properties.products[0].tags", {"@template": "<{{}}{{.}}>"}]},
            ["<{{}}a>", "<{{}}>", "<{{}}1,2>"],
        ),
        ({"@arrayPath": [{"@path": "$.properties.products[0].tags"}, {}]}, ["a", None, [1, 2]]),
        ({"@arrayPath": ["$.event", {"x": 1}]}, "Order Completed"),
        ({"@arrayPath": ["$.missing", {"x": 1}]}, "nothing"),
        ({"@arrayPath": ["$.properties.products[0].tags", {"@liquid": "{{ length }}"}]}, ["1", "", "2"]),
        # @literal, @flatten, @json, @merge, @transform, @excludeWhenNull, @liquid
        ({"@literal": {"a": TOTAL}}, {"a": 45.5}),
        ({"@literal": None}, None),
        (
            {"@flatten": {"separator": "_", "value": {"@literal": {"a": {"b": 1, "c": [True, {}]}, "d": []}}}},
            {"a_b": 1, "a_c_0": True},
        ),
        ({"@flatten": {"separator": "_", "omitArrays": True, "value": {"@literal": {"c": {"d": [1]}}}}}, {"c_d": [1]}),
        ({"@flatten": {"separator": ".", "value": TOTAL}}, {"": 45.5}),
        (
            {"@json": {"mode": "encode", "value": {"b": TOTAL, "1": [None, {"@path": "$.missing"}]}}},
            '{"1":[null,null],"b":45.5}',
        ),
        ({"@json": {"mode": "encode", "value": {"@path": "$.missing"}}}, "nothing"),
        (
            {"@json": {"mode": "decode", "value": {"@path": "$.properties.json"}}},
            {"1": "x", "2": [None, {"c": None}], "b": 1},
        ),
        ({"@json": {"mode": "decode", "value": "NaN"}}, "NaN"),
        ({"@json": {"mode": "decode", "value": TOTAL}}, 45.5),
        ({"@json": {"mode": "ENCODE", "value": TOTAL}}, "nothing"),
        ({"@merge": {"direction": "right", "objects": [{"a": 1, "b": 1}, {"b": 2}]}}, {"a": 1, "b": 2}),
        ({"@merge": {"direction": "left", "objects": [{"a": 1, "b": 1}, {"b": 2}]}}, {"b": 1, "a": 1}),
        (
            {"@merge": {"direction": "right", "objects": [{"@path": "$.userId"}, PRODUCTS]}},
            {"0": {"sku": "s-1", "price": 10, "tags": ["a", None, [1, 2]]}, "1": {"sku": "s-2"}},
        ),
        (
            {"@transform": {"apply": {"t": TOTAL}, "mapping": {"x": {"@path": "$.t"}, "y": {"@path": "$.event"}}}},
            {"x": 45.5},
        ),
        ({"@transform": {"apply": PRODUCTS, "mapping": {"@path": "$.1.sku"}}}, "s-2"),
        (
            {"@excludeWhenNull": {"a": {"@path": "$.properties.none"}, "b": {"c": None, "d": 1}, "e": [None]}},
            {"b": {"d": 1}, "e": [None]},
        ),
        ({"@excludeWhenNull": None}, "nothing"),
        ({"@liquid": "{{ properties.total | times: 2 }}"}, "91"),
        ({"@liquid": ""}, ""),
    ],
)
def test_resolve(mapping: Any, value: Any) -> None:
    assert json.dumps(resolve(mapping)) == json.dumps(value)


def test_a_mapping_that_is_one_directive() -> None:
    assert Mapping.parse({"@path": "$.userId"}).resolve(EVENT) == "u1"
    assert Mapping.parse({"@path": "$.missing"}).resolve(EVENT) is None
    assert Mapping.parse({}).resolve(EVENT) == {}


def test_a_root_directive_gets_the_fields_as_its_mapping() -> None:
    root = {"@transform": {"apply": {"id": {"@path": "$.userId"}}, "mapping": {"thrown": "away"}}}
    given = {ROOT: root, "user": {"@path": "$.id"}}
    before = copy.deepcopy(given)
    assert Mapping.parse(given).resolve(EVENT) == {"user": "u1"}
    assert given == before


@pytest.mark.parametrize("root", [None, {}, "x", 5, [], {"@merge": None}, {"a": {}, "b": {}}])
def test_a_root_that_is_no_directive(root: Any) -> None:
    with pytest.raises(MappingError, match="one directive"):
        Mapping.parse({ROOT: root})


@pytest.mark.parametrize(
    "mapping",
    [
        [{"@path": 5}],
        [{"@nope": 5}],
        {"@literal": {"a": {"@template": 5}}},
        {"@path": TOTAL},
        {"@template": PRODUCTS},
        {"@if": {"then": 1}},
        {"@case": {"value": "x"}},
        {"@case": {"operator": "title", "value": "x"}},
        {"@replace": {"pattern": "a", "pattern2": "12345678901", "value": "x"}},
        {"@flatten": {"value": "x"}},
        {"@json": {"mode": "encode", "value": 0}},
        {"@merge": {"objects": []}},
        {"@arrayPath": [{"@literal": [1]}, {"@transform": {"apply": {"a": 1}, "mapping": {"b": 1}}}]},
        {"@transform": {"apply": {"a": [{"@path": 1}]}, "mapping": {"b": 1}}},
        {"@template": "{{properties.own}}"},
        {"@path": "$.constructor.caller"},
        {"@liquid": "{{ x | nope }}{% endfor %}"},
        {"@liquid": "x" * 1001},
        [{"@liquid": 5}],
    ],
)
def test_failures_come_with_the_event(mapping: Any) -> None:
    event = {"properties": {"own": {"toString": 1}, "total": 1, "products": []}, "userId": "u1"}
    parsed = Mapping.parse({"fields": {"v": mapping}})
    with pytest.raises(ResolveError, match=r"^fields\.v[.:]"):
        parsed.resolve(event)


def test_a_failure_does_not_tell_the_value() -> None:
    event = {"email": ["ada@example.com"]}
    for mapping in ({"@path": {"@path": "$.email"}}, {"@template": {"@path": "$.email"}}):
        with pytest.raises(ResolveError) as caught:
            Mapping.parse({"v": mapping}).resolve(event)
        assert "ada" not in str(caught.value)


@pytest.mark.parametrize("event", [None, [], "x", 5, True])
def test_an_event_that_is_no_object(event: Any) -> None:
    with pytest.raises(ResolveError, match="object"):
        Mapping.parse({"a": 1}).resolve(event)


@pytest.mark.parametrize(
    ("mapping", "where"),
    [
        ({"value": {"@path": 5}}, ["value.@path"]),
        ({"value": {"@nope": 5}, "other": {"@paht": "x"}}, ["value", "other"]),
        ({"value": {"@path": "x", "@if": {}}}, ["value"]),
        ({"value": {"@path": "x", "y": 1}}, ["value"]),
        (
            {"a": {"@if": {"exists": {"@path": None}, "then": {"@literal": {"@template": []}}}}},
            ["a.@if.exists.@path", "a.@if.then.@literal.@template"],
        ),
        ({"a": {"@if": {"exists": 1, "extra": {"@nope": 1}}}}, ["a.@if.extra"]),
        ({"a": {"@case": {"operator": 5, "value": {"b": 1}}}}, ["a.@case.operator", "a.@case.value"]),
        ({"a": {"@replace": {"pattern": ""}}}, ["a.@replace.pattern", "a.@replace"]),
        (
            {"a": {"@replace": {"pattern": "x" * 11, "value": "v", "global": 1, "replacement": "x" * 11}}},
            ["a.@replace.pattern", "a.@replace.replacement", "a.@replace.global"],
        ),
        ({"a": {"@arrayPath": []}}, ["a.@arrayPath"]),
        ({"a": {"@arrayPath": [5, {"x": {"@path": 5}}]}}, ["a.@arrayPath[0]", "a.@arrayPath[1].x.@path"]),
        ({"a": {"@arrayPath": {"@path": "x"}}}, ["a.@arrayPath"]),
        ({"a": {"@json": {"value": 1, "mode": "both"}}}, ["a.@json.mode"]),
        (
            {"a": {"@merge": {"objects": [{"@path": 1}, "x"], "direction": "up"}}},
            ["a.@merge.direction", "a.@merge.objects[0].@path", "a.@merge.objects[1]"],
        ),
        (
            {"a": {"@transform": {"apply": "x", "mapping": {"b": {"@path": 1}}}}},
            ["a.@transform.mapping.b.@path", "a.@transform.apply"],
        ),
        ({"a": {"@flatten": "x"}, "b": {"@flatten": {}}}, ["a.@flatten", "b.@flatten"]),
        ({"a": {"@liquid": {"@path": "x"}}}, ["a.@liquid"]),
        ({"a": {5: "x"}, "b": {"c": {1, 2}}}, ["b.c", "a"]),
    ],
)
def test_every_problem_is_found_in_its_place(mapping: dict[str, Any], where: list[str]) -> None:
    with pytest.raises(MappingError) as caught:
        Mapping.parse(mapping)
    assert sorted(problem.where for problem in caught.value.problems) == sorted(where)


def test_a_problem_says_how_to_mend_it() -> None:
    with pytest.raises(MappingError, match=r"value: @paht is no directive\. Did you mean @path\?"):
        Mapping.parse({"value": {"@paht": "x"}})


def test_the_result_is_the_callers_own() -> None:
    mapping, event = {"static": {"list": [1]}, "products": PRODUCTS}, copy.deepcopy(EVENT)
    parsed = Mapping.parse(mapping)
    mapping["static"]["list"].append(2)  # type: ignore[index]
    first = parsed.resolve(event)
    first["static"]["list"].append(3)
    first["products"][0]["sku"] = "changed"
    assert event == EVENT
    assert parsed.resolve(event)["static"] == {"list": [1]}
    assert parsed.source["static"] == {"list": [1]}


OPTIONS = st.sampled_from(
    [
        "exists",
        "blank",
        "then",
        "else",
        "operator",
        "value",
        "pattern",
        "mode",
        "direction",
        "objects",
        "apply",
        "mapping",
    ]
)
SCALARS = st.sampled_from(
    [None, True, 0, 1.5, "", "lower", "encode", "left", "$.properties", "{{event}}", "{{properties}}"]
)
MAPPINGS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(OPTIONS, inner, max_size=4)
        | st.builds(lambda name, value: {name: value}, st.sampled_from(sorted(DIRECTIVES)), inner)
    ),
    max_leaves=15,
)


@given(st.dictionaries(OPTIONS, MAPPINGS, max_size=4))
def test_a_mapping_resolves_or_fails_and_changes_nothing(mapping: dict[str, Any]) -> None:
    given_mapping, event = copy.deepcopy(mapping), copy.deepcopy(EVENT)
    try:
        parsed = Mapping.parse(mapping)
        first = parsed.resolve(event)
        assert json.dumps(parsed.resolve(event)) == json.dumps(first)
    except (MappingError, ResolveError):
        pass
    assert mapping == given_mapping
    assert event == EVENT


def test_what_fails_on_every_event_is_warned_of() -> None:
    parsed = Mapping.parse(
        {"a": {"@liquid": "{% nope %}"}, "b": [{"c": {"@if": {"then": {"@path": "$.x"}}}}], "d": TOTAL}
    )
    assert [problem.where for problem in parsed.warnings] == ["a", "b[0].c"]
    assert parsed.warnings[1].what == "@if needs 'exists' or 'blank'"
