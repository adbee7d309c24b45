"""Explanations of triggers and mappings."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.rules.explain import Clause, Explained, condition_text, explain_mapping, explain_trigger
from tockwork.rules.fql import NESTED
from tockwork.rules.mapping import Mapping
from tockwork.rules.trigger import Condition, Trigger

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "properties": {"total": 45.5, "email": None, "products": [{"sku": "s-1"}, {"sku": "s-2"}]},
}


def test_every_clause_has_its_verdict() -> None:
    trigger = Trigger.parse(
        'type = "track" and (properties.total > 50 or !contains(event, "Refund")) and userId != null'
    )
    clauses = explain_trigger(trigger, EVENT)
    assert clauses == [
        Clause('type = "track"', True, "string", "track"),
        Clause(
            '(properties.total > 50 or !contains(event, "Refund"))',
            True,
            operator="or",
            clauses=(
                Clause("properties.total > 50", False, "number", 45.5),
                Clause('!contains(event, "Refund")', True, "string", "Order Completed"),
            ),
        ),
        Clause("userId != null", False, "undefined", None),
    ]
    assert trigger.root.operator == "and"


def test_a_clause_that_fails_is_no_match() -> None:
    clauses = explain_trigger(Trigger.parse('() or properties.constructor.caller = 1 or type = "track"'), EVENT)
    assert [(clause.text, clause.matched) for clause in clauses] == [
        ("()", False),
        ("properties.constructor.caller = 1", False),
        ('type = "track"', True),
    ]


def test_native_values_and_deep_values_are_plain_data() -> None:
    deep: Any = 1
    for _ in range(1_000):
        deep = [deep]
    event = {"properties": {"deep": deep}}
    clauses = explain_trigger(Trigger.parse("properties.constructor != null and properties.deep != null"), event)
    assert [(clause.matched, clause.type, clause.value) for clause in clauses] == [
        (True, "function", None),
        (True, "array", None),
    ]


TEXTS = st.text(alphabet="ab*\"'é 😀\\.n5", max_size=5)
CONDITIONS = st.one_of(
    st.builds(
        Condition, st.sampled_from(["event", "name", "userId"]), st.just(""), st.sampled_from(["=", "!=", ">"]), TEXTS
    ),
    st.builds(
        Condition,
        st.sampled_from(sorted(NESTED)),
        st.sampled_from(["total", "a b", "and", "0", "a.b", "nullable", "null.x", "it's", "😀", "x-y", "true"]),
        st.sampled_from(["contains", "not_contains", "=", "<="]),
        TEXTS,
    ),
    st.builds(
        Condition,
        st.sampled_from(["event", "event-trait"]),
        st.just(""),
        st.sampled_from(["starts_with", "not_starts_with", "ends_with"]),
        st.text(alphabet="ab* é", max_size=5),
    ).map(lambda c: msgspec.structs.replace(c, name="x" if c.kind == "event-trait" else "")),
    st.builds(
        Condition,
        st.just("event-property"),
        st.just("total"),
        st.sampled_from(["number_equals", "number_not_equals", "<", ">="]),
        st.floats(allow_nan=False, min_value=0) | st.floats(max_value=-1e-300, allow_infinity=False),
    ),
    st.builds(Condition, st.just("event-context"), st.just("ip"), st.sampled_from(["exists", "not_exists", "is_true"])),
)


@given(CONDITIONS)
def test_the_text_of_a_condition_parses_to_the_condition(condition: Condition) -> None:
    assert Trigger.parse(condition_text(condition)).root.children == (condition,)


def origins(mapping: dict[str, Any]) -> dict[str, Any]:
    def told(explained: Explained) -> Any:
        if not explained.parts:
            return (explained.value, explained.origin)
        return (explained.value, explained.origin, {key: told(part) for key, part in explained.parts.items()})

    return {key: told(explained) for key, explained in explain_mapping(Mapping.parse(mapping), EVENT).items()}


def test_where_values_came_from() -> None:
    total = {"@path": "$.properties.total"}
    email = {"@if": {"exists": {"@path": "$.properties.email"}, "then": "x", "else": {"@path": "$.traits.email"}}}
    assert origins(
        {
            "value": total,
            "currency": "EUR",
            "email": email,
            "either": {"@if": {"exists": total, "then": total}},
            "neither": {"@if": {"blank": {"@path": "$.missing"}, "then": total, "else": ""}},
            "text": {"@template": "{{event}}!"},
            "liquid": {"@liquid": "{{ event | upcase }}"},
            "literal": {"@literal": 5},
            "user": {"id": "u", "list": [total]},
        }
    ) == {
        "value": (45.5, "$.properties.total"),
        "currency": ("EUR", "a constant"),
        "email": (
            None,
            "else",
            {"exists": (None, "$.properties.email"), "else": (None, "nothing at $.traits.email")},
        ),
        "either": (45.5, "then", {"exists": (45.5, "$.properties.total"), "then": (45.5, "$.properties.total")}),
        "neither": (None, "nothing: there is no 'else'", {"blank": (None, "nothing at $.missing")}),
        "text": ("Order Completed!", "the template '{{event}}!'", {"event": ("Order Completed", "event")}),
        "liquid": (
            "ORDER COMPLETED",
            "the Liquid template '{{ event | upcase }}'",
            {"event": ("Order Completed", "event")},
        ),
        "literal": (5, "a constant"),
        "user": (
            {"id": "u", "list": [45.5]},
            "an object",
            {"id": ("u", "a constant"), "list": ([45.5], "a list", {"0": (45.5, "$.properties.total")})},
        ),
    }


def test_items_and_made_objects() -> None:
    found = origins(
        {
            "contents": {"@arrayPath": ["$.properties.products", {"id": {"@path": "$.sku"}}]},
            "list": {"@arrayPath": ["$.properties.products"]},
            "made": {"@transform": {"apply": {"t": {"@path": "$.event"}}, "mapping": {"u": {"@path": "$.t"}}}},
            "upper": {"@case": {"operator": "upper", "value": {"@path": "$.event"}}},
            "dynamic": {"@path": {"@template": "$.event"}},
        }
    )
    assert found["contents"][1:] == (
        "each item at $.properties.products",
        {
            "0": ({"id": "s-1"}, "an object", {"id": ("s-1", "$.sku")}),
            "1": ({"id": "s-2"}, "an object", {"id": ("s-2", "$.sku")}),
        },
    )
    assert found["list"][1] == "the list at $.properties.products"
    assert found["made"][2]["mapping"] == (
        {"u": "Order Completed"},
        "an object",
        {"u": ("Order Completed", "$.t")},
    )
    assert found["upper"] == (
        "ORDER COMPLETED",
        "@case of its parts",
        {"value": ("Order Completed", "$.event")},
    )
    assert found["dynamic"][:2] == ("Order Completed", "@path of a part")


def test_a_field_that_fails_says_so() -> None:
    assert origins({"bad": {"@path": {"@path": "$.properties"}}, "good": {"@path": "$.type"}}) == {
        "bad": (None, "failed: @path needs a string, found object"),
        "good": ("track", "$.type"),
    }


def test_a_mapping_that_is_one_directive() -> None:
    assert origins({"@path": "$.type"}) == {"": ("track", "$.type")}


@pytest.mark.parametrize("name", ["@flatten", "@json", "@merge", "@excludeWhenNull", "@replace", "@literal"])
def test_every_directive_is_explained_with_its_value(name: str) -> None:
    options: dict[str, Any] = {
        "@flatten": {"separator": ".", "value": {"@path": "$.properties"}},
        "@json": {"mode": "encode", "value": {"@path": "$.properties"}},
        "@merge": {"direction": "left", "objects": [{"@path": "$.properties"}]},
        "@excludeWhenNull": {"@path": "$.properties"},
        "@replace": {"pattern": "x", "value": {"@path": "$.event"}},
        "@literal": {"a": {"@path": "$.event"}},
    }
    mapping = Mapping.parse({"v": {name: options[name]}})
    explained = explain_mapping(mapping, EVENT)["v"]
    assert explained.value == mapping.resolve(EVENT)["v"]
    assert explained.parts
    assert json.loads(msgspec.json.encode(explained))["from"] == explained.origin
