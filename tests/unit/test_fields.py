"""Fields and their coercion: what becomes of a value, and what is said of one that does not fit."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tockwork.destinations.catalog import DESTINATIONS
from tockwork.rules.coercion import Coercion
from tockwork.rules.fields import Field, FieldError, When, with_implied
from tockwork.rules.scalars import SCALARS, Uncoercible, describe


class Part(msgspec.Struct):
    price: float | None = None
    kind: str | None = None


class Record(msgspec.Struct):
    event: str = ""
    mail: list[str] | None = None
    value: float | None = None
    total: float | None = None
    kind: str | None = None
    part: Part | None = None
    parts: list[Part] | None = None
    loose: dict[str, Any] | None = None


PARTS = (
    Field(key="price", label="", help="", type="number"),
    Field(key="kind", label="", help="", depends_on=When({"event": ("View",)})),
)
FIELDS = (
    Field(key="event", label="", help="", required=True),
    Field(key="email", slot="mail", label="", help="", multiple=True, personal=True),
    Field(key="value", label="", help="", type="number"),
    Field(key="total", label="", help="", type="number", implied_by="value", default={"@path": "$.total"}),
    Field(key="kind", label="", help="", choices=("a", "b"), depends_on=When({"event": ("View", "Buy")})),
    Field(key="part", label="", help="", type="object", record=Part, properties=PARTS),
    Field(key="parts", label="", help="", type="object", multiple=True, record=Part, properties=PARTS),
    Field(key="loose", label="", help="", type="object", properties=PARTS, required=When({"event": ("Loose",)})),
)


def coerced(**values: Any) -> tuple[dict[str, Any], list[str]]:
    warnings: list[str] = []
    record = Coercion(FIELDS, Record).apply({"event": "Buy", **values}, warnings)
    found = {key: value for key, value in msgspec.to_builtins(record).items() if value is not None}
    return found, warnings


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("string", "a", "a"),
        ("string", "", None),
        ("string", None, None),
        ("string", 10.0, "10"),
        ("string", 1e21, "1e+21"),
        ("string", 2**53 + 1, "9007199254740992"),
        ("string", True, "true"),
        ("string", ["a"], "a"),
        ("number", "12.50", 12.5),
        ("number", " 0x10 ", 16),
        ("number", "1e3", 1000),
        ("number", 10.0, 10),
        ("number", True, 1),
        ("number", " ", None),
        ("number", [5], 5),
        ("integer", "7", 7),
        ("integer", 7.0, 7),
        ("boolean", "false", False),
        ("boolean", 1, True),
        ("boolean", "", None),
    ],
)
def test_scalars_are_coerced(kind: str, value: Any, expected: Any) -> None:
    found = SCALARS[kind](value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("string", {"a": 1}, "expected a string, got an object"),
        ("string", ["a", "b"], "expected a string, got a list of 2"),
        ("string", [["a"]], "expected a string, got a list of 1"),
        ("number", "12,50", "expected a number, got text"),
        ("number", "Infinity", "expected a finite number, got text"),
        ("number", {}, "expected a number, got an object"),
        ("integer", 2.5, "expected a whole number, got a number"),
        ("boolean", "yes", "expected true or false, got text"),
        ("boolean", 2, "expected true or false, got a number"),
    ],
)
def test_what_does_not_fit_is_named_by_its_type(kind: str, value: Any, message: str) -> None:
    with pytest.raises(Uncoercible, match=f"^{message}$"):
        SCALARS[kind](value)


def test_every_json_type_has_a_name() -> None:
    values: list[Any] = [None, True, 1, 2.5, "a", " ", [1], {}, object()]
    names = "null, a boolean, a number, a number, text, blank text, a list of 1, an object, something else"
    assert ", ".join(map(describe, values)) == names


def test_a_record_is_filled_by_slot_and_nothing_empty_is_in_it() -> None:
    found, warnings = coerced(email="a@b.co", value="5", unknown=1, part={"price": "", "x": 2}, parts={"price": "2"})
    assert found == {"event": "Buy", "mail": ["a@b.co"], "value": 5, "parts": [{"price": 2, "kind": None}]}
    assert warnings == []


def test_personal_values_are_left_out_with_a_warning() -> None:
    found, warnings = coerced(email=["a", {"b": 1}, None, ["c", "d"]])
    assert found["mail"] == ["a"]
    assert warnings == [
        "email[1]: expected a string, got an object; left out",
        "email[3]: expected a string, got a list of 2; left out",
    ]


def test_an_implied_field_is_left_out_with_a_warning() -> None:
    found, warnings = coerced(value=5, total="12,50")
    assert found == {"event": "Buy", "value": 5}
    assert warnings == ["total: expected a number, got text; left out"]


@pytest.mark.parametrize(
    ("values", "reason", "text"),
    [
        ({"value": "12,50"}, "field_type", "value: expected a number, got text"),
        ({"parts": [{}, {"price": "x"}]}, "field_type", "parts[1].price: expected a number, got text"),
        ({"parts": [{}, 5]}, "field_type", "parts[1]: expected an object, got a number"),
        ({"part": [{}]}, "field_type", "part: expected an object, got a list of 1"),
        ({"kind": "c"}, "field_choice", "kind: expected one of a, b, got text"),
        ({"event": ""}, "field_missing", "event: required, but the event gave no value for it"),
        (
            {"event": "Loose"},
            "field_missing",
            "loose: required when event is Loose, but the event gave no value for it",
        ),
    ],
)
def test_what_makes_a_delivery_invalid(values: dict[str, Any], reason: str, text: str) -> None:
    with pytest.raises(FieldError) as caught:
        coerced(**values)
    assert (caught.value.reason, str(caught.value)) == (reason, text)


def test_a_mapping_that_gives_no_object_is_invalid() -> None:
    with pytest.raises(FieldError, match="the mapping gave a list of 0 instead of an object"):
        Coercion(FIELDS, Record).apply([], [])


def test_hidden_fields_and_parts_are_not_even_looked_at() -> None:
    loose = {"price": 1, "kind": {"not": "text"}}
    assert coerced(event="Sign", kind="no choice", loose=loose) == ({"event": "Sign", "loose": {"price": 1}}, [])
    assert coerced(event="View", kind="a", loose={"kind": "x"})[0] == {
        "event": "View",
        "kind": "a",
        "loose": {"kind": "x"},
    }


def test_implied_fields_take_their_default_where_the_other_is_mapped() -> None:
    assert with_implied(FIELDS, {"value": 1}) == {"value": 1, "total": {"@path": "$.total"}}
    assert with_implied(FIELDS, {"value": 1, "total": 2}) == {"value": 1, "total": 2}
    assert with_implied(FIELDS, {"event": "x"}) == {"event": "x"}


def test_declared_conditions_look_at_earlier_fields_only() -> None:
    for destination in DESTINATIONS.values():
        for action in destination.actions:
            later = {field.key for field in action.fields}
            for field in action.fields:
                for each in (field, *field.properties):
                    for when in (each.depends_on, each.required):
                        assert not isinstance(when, When) or later.isdisjoint(when.fields), each.key
                later.remove(field.key)
