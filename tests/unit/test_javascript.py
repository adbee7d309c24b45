"""JavaScript's values, and the members that all of them inherit."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.rules import natives
from tockwork.rules.javascript import (
    MAX_DEPTH,
    MAX_TEXT,
    UNDEFINED,
    Meter,
    ScriptError,
    entries,
    equals_empty,
    index,
    keys,
    number,
    number_text,
    real_type,
    text_of,
    truthy,
    units,
    whole,
)
from tockwork.rules.notation import observe, parse_json, stringify

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (10.0, "10"),
        (-0.0, "0"),
        (12.5, "12.5"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (5e-324, "5e-324"),
        (123456789012345680000.0, "123456789012345680000"),
        (9007199254740993, "9007199254740992"),
        (12345678901234567890, "12345678901234567000"),
        (10**400, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
    ],
)
def test_number_text(value: float, text: str) -> None:
    assert number_text(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_reads_back(value: float) -> None:
    assert float(number_text(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", 0),
        (" \ufeff12.5\u2003\n", 12.5),
        ("+5", 5),
        ("5.", 5),
        (".5", 0.5),
        ("1e3", 1000),
        ("0x1F", 31),
        ("0b11", 3),
        ("0o17", 15),
        ("Infinity", math.inf),
        ("-Infinity", -math.inf),
        (True, 1),
        (False, 0),
        (2, 2),
        (natives.NUMBER, 0),
    ],
)
def test_number(text: Any, value: float) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    "text", ["abc", "1_000", "infinity", "-0x10", ".", "1e", "12,5", "NaN", "\u0665", "9" * 50_000 + "x"]
)
def test_what_is_no_number(text: str) -> None:
    assert math.isnan(number(text))


@pytest.mark.parametrize("value", [0, -0.0, "", None, False, UNDEFINED, math.nan])
def test_falsy(value: Any) -> None:
    assert not truthy(value)


@pytest.mark.parametrize("value", [[], {}, "0", " ", 1, -1, True, natives.OBJECT])
def test_truthy(value: Any) -> None:
    assert truthy(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (UNDEFINED, "undefined"),
        (True, "true"),
        ([1, [2, [None, UNDEFINED]], {"a": 1}, "x"], "1,2,,,[object Object],x"),
        ([], ""),
        ({}, "[object Object]"),
        (natives.ARRAY.member("map"), "function map() { [native code] }"),
    ],
)
def test_text_of(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_an_object_with_its_own_to_string_has_no_text() -> None:
    with pytest.raises(ScriptError, match="toString"):
        text_of([{"toString": 1}])


@pytest.mark.parametrize("value", [0, -0.0, "", False, [], [[]], [""], [None], natives.STRING, natives.BOOLEAN])
def test_equals_empty(value: Any) -> None:
    assert equals_empty(value)


@pytest.mark.parametrize("value", [1, " ", "0", True, [0], [[], []], {}, math.nan, natives.OBJECT])
def test_does_not_equal_empty(value: Any) -> None:
    assert not equals_empty(value)


def test_array_indexes_come_first_in_the_order_of_keys() -> None:
    given = dict.fromkeys(["b", "10", "01", "2", "a", "4294967295", "4294967294", "-1", "", "1.5"])
    assert keys(given) == ["2", "10", "4294967294", "b", "01", "a", "4294967295", "-1", "", "1.5"]


def test_index() -> None:
    assert [index(key) for key in ("0", "7", "07", "-1", "", "1e1", "\u0663", "4294967295", "9" * 30)] == [0, 7] + [
        -1
    ] * 7


def test_entries_of_a_string_are_its_units() -> None:
    assert list(entries("a😀")) == [("0", "a"), ("1", "\ud83d"), ("2", "\ude00")]


@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_whole_undoes_units(text: str) -> None:
    expected = whole(text)
    assert whole(units(text)) == expected
    assert len(units(text)) == len(text.encode("utf-16-le", "surrogatepass")) // 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"2": 1, "1": UNDEFINED, "b": [UNDEFINED, None], "a": natives.OBJECT}, '{"2":1,"b":[null,null],"a":{}}'),
        (["\u2028", "\ud83d", "\x7f", "\x00\n", '"'], '["\u2028","\\ud83d","\x7f","\\u0000\\n","\\""]'),
        ([10.0, 1e21, -0.0, math.nan, math.inf, 1e-7], "[10,1e+21,0,null,null,1e-7]"),
        ([], "[]"),
        ({}, "{}"),
        (natives.ARRAY, "[]"),
        ([natives.ARRAY.member("map")], "[null]"),
    ],
)
def test_stringify(value: Any, text: str) -> None:
    assert stringify(value) == text


@pytest.mark.parametrize("value", [UNDEFINED, natives.ARRAY.member("map")])
def test_what_has_no_json(value: Any) -> None:
    assert stringify(value) is UNDEFINED
    assert observe(value) is UNDEFINED


@given(JSON)
def test_observe_is_what_a_reader_of_the_json_gets(value: Any) -> None:
    text = stringify(value)
    assert isinstance(text, str)
    assert json.dumps(observe(value)) == json.dumps(json.loads(text))


def test_observe_loses_prototypes_and_keeps_nothing_of_the_original() -> None:
    given = {"__proto__": 1, "a": {"b": [1, UNDEFINED]}, "f": natives.OBJECT.member("constructor")}
    found = observe(given)
    assert found == {"a": {"b": [1, None]}}
    found["a"]["b"].append(2)
    assert given["a"] == {"b": [1, UNDEFINED]}


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "[1,]", "{'a':1}", '"\n"', "\u00a05", "", "1 2"]
)
def test_what_is_no_json(text: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_json(text)
    assert not isinstance(caught.value, ScriptError)


def test_parse_json() -> None:
    assert parse_json(' {"a":1,"a":2,"b":-0} ') == {"a": 2, "b": 0}
    assert parse_json("12345678901234567890") == 12345678901234567890.0
    assert parse_json("9" * 5_000) == math.inf
    with pytest.raises(ScriptError, match="deep"):
        parse_json("[" * 100_000)


def test_walks_are_bounded() -> None:
    deep: list[Any] = []
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    wide: list[Any] = ["x" * 1_000]
    for _ in range(40):  # 2**40 texts, if they were all written
        wide = [wide, wide]
    for walk in (stringify, observe, text_of):
        with pytest.raises(ScriptError, match="nested deeper"):
            walk(deep)
        with pytest.raises(ScriptError, match=r"more than|longer than"):
            walk(wide)


def test_the_meter_counts_text() -> None:
    meter = Meter()
    meter.text(MAX_TEXT)
    with pytest.raises(ScriptError, match="longer"):
        meter.text(1)


def test_real_type() -> None:
    values = [{}, [], "", None, True, 1, 1.5, UNDEFINED, natives.OBJECT.member("constructor"), natives.STRING]
    types = ["object", "array", "string", "null", "boolean", "number", "number", "undefined", "function", "string"]
    assert [real_type(value) for value in values] == types


def test_inherited_members() -> None:
    constructor = natives.OBJECT.inherited("constructor")
    assert constructor.member("name") == "Object"
    assert constructor.member("prototype") is natives.OBJECT
    assert natives.OBJECT.inherited("__proto__") is natives.OBJECT
    assert natives.OBJECT.member("__proto__") is None
    assert natives.STRING.inherited("trimLeft").member("name") == "trimStart"
    assert natives.ARRAY.inherited("hasOwnProperty").member("length") == 1
    assert natives.NUMBER.inherited("constructor").member("MAX_SAFE_INTEGER") == 2**53 - 1
    assert natives.OBJECT.inherited("missing") is UNDEFINED
    assert constructor.member("constructor").member("prototype") is natives.FUNCTION
    with pytest.raises(ScriptError, match="caller"):
        constructor.member("caller")
