"""Paths: how they divide, and what they find."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.rules import natives, path
from tockwork.rules.javascript import UNDEFINED, ScriptError

EVENT: dict[str, Any] = {
    "event": "Größe 😀",
    "properties": {
        "total": 0,
        "none": None,
        "empty": "",
        "a.b": "dotted",
        "products": [{"sku": "s-1"}, {"sku": "s-2"}],
        "flag": True,
        "x": {"": "unnamed", "length": "own"},
    },
}


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("$.properties.total", ("properties", "total")),
        ("properties.total", ("properties", "total")),
        ("$", ("$",)),
        ("$.", ()),
        ("", ()),
        (".", ()),
        ("..", ()),
        ("$.a[0].b", ("a", "0", "b")),
        ("$.a['b']", ("a", "b")),
        ('$.a["b c"]', ("a", "b c")),
        ("$.a[b]", ("a[b]",)),
        ("$.a['b.c']", ("a", "b", "c")),
        ("a.$.b.$.c", ("a", "b", "$", "c")),
        ("$.$.a", ("$", "a")),
        ("$.a['']", ("a", "")),
        ("a0]]b", ("a0", "b")),
        ("a]b", ("a]b",)),
        ("$.it's", ("its",)),
    ],
)
def test_segments(text: str, segments: tuple[str, ...]) -> None:
    assert path.segments(text) == segments


def test_split_keeps_the_dollar() -> None:
    assert path.split("$.event") == ("$", "event")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$.", EVENT),
        ("$.properties.products[1].sku", "s-2"),
        ("$.properties.products.1.sku", "s-2"),
        ("$.properties.products.01", UNDEFINED),
        ("$.properties.products[9].sku", UNDEFINED),
        ("$.properties.products.length", 2),
        ("$.properties.products.-1", UNDEFINED),
        ("$.missing.deeper", UNDEFINED),
        ("$.properties.total.deeper", 0),
        ("$.properties.none.deeper", None),
        ("$.properties.empty.length", ""),
        ("$.event.length", 8),
        ("$.event[2]", "ö"),
        ("$.event[6]", "\ud83d"),
        ("$.event[7]", "\ude00"),
        ("$.properties.x.length", "own"),
        ("$.properties.x['']", "unnamed"),
        ("$.constructor", natives.OBJECT.member("constructor")),
        ("$.constructor.name", "Object"),
        ("$.event.toUpperCase.length", 0),
        ("$.properties.products.map", natives.ARRAY.member("map")),
        ("$.properties.flag.constructor.name", "Boolean"),
        ("$.properties.products.length.toFixed", natives.NUMBER.member("toFixed")),
        ("$.__proto__", natives.OBJECT),
        ("$.__proto__.__proto__", None),
        ("$.__proto__.__proto__.x", None),
    ],
)
def test_get(text: str, value: Any) -> None:
    assert path.get(EVENT, path.segments(text)) == value
    assert path.getter(text)(EVENT) == value


def test_own_members_come_before_inherited_ones() -> None:
    event = {"constructor": 1, "__proto__": {"x": 2}}
    assert path.getter("$.constructor")(event) == 1
    assert path.getter("$.__proto__.x")(event) == 2


def test_what_javascript_forbids_to_read() -> None:
    with pytest.raises(ScriptError, match="arguments"):
        path.getter("$.constructor.arguments")({})


ANY = st.recursive(
    st.sampled_from([None, True, False, 0, 1.5, "", "abc", "😀", UNDEFINED]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab01"), inner, max_size=3),
    max_leaves=8,
)


@given(ANY, st.lists(st.sampled_from(["a", "b", "0", "1", "length", "constructor", "name", "", "map"]), max_size=5))
def test_a_reader_finds_what_get_finds(value: Any, segments: list[str]) -> None:
    assert path.reader(tuple(segments))(value) is path.get(value, segments) or (
        path.reader(tuple(segments))(value) == path.get(value, segments)
    )
