"""No value of a row, and no token, survives in what the platform says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.delivery.mask import masker


def masked(message: str, *rows: Any, token: str = "tok-1234") -> str:
    return masker([json.dumps(row).encode() for row in rows], [token])(message)


@pytest.mark.parametrize(
    ("row", "message", "expected"),
    [
        ({"event_id": "order-1001"}, "bad value order-1001 here", "bad value *** here"),
        ({"event_id": "order-1001"}, "bad value ORDER-1001", "bad value ***"),
        ({"user": {"email": ["abcdef"]}}, "['abcdef']", "['***']"),
        ({"name": "José"}, 'value "Jos\\u00e9" or José', 'value "***" or ***'),
        ({"name": 'say "hi"'}, 'value say \\"hi\\" or say "hi"', "value *** or ***"),
        ({"id": "ab"}, "ab is too short to hide", "ab is too short to hide"),
        ({"value": 129.9}, "value 129.90 or 129.9 or 1129.9", "value *** or *** or 1129.9"),
        ({"value": 12}, "Invalid value for data.12.x: 12", "Invalid value for data.12.x: 12"),
        ({"value": -450}, "found -450 and 450", "found *** and 450"),
        ({"order_id": "129"}, "Invalid value for data.129.order_id: 129", "Invalid value for data.129.order_id: ***"),
        ({"order_id": "129"}, "data[129].order_id is 129, Batch.129.x", "data[129].order_id is ***, Batch.129.x"),
        ({"phone": "+4915112345678"}, "phone +4915112345678.", "phone ***."),
        ({"a": True, "b": None}, "True None true", "True None true"),
    ],
)
def test_values_are_hidden(row: Any, message: str, expected: str) -> None:
    assert masked(message, row) == expected


def test_a_value_that_is_cut_short_is_hidden_too() -> None:
    url = "https://shop.example/checkout?email=jane@example.com&name=jane"
    assert masked(f"Invalid value: {url[:30]}...", {"page": {"url": url}}) == "Invalid value: ***..."


def test_tokens_are_always_hidden() -> None:
    assert masked("token tok-1234 is dead", token="tok-1234") == "token *** is dead"


def test_what_looks_personal_is_hidden_whoever_it_belongs_to() -> None:
    text = f"jane@example.com {'a1' * 32} 203.0.113.9 D17TA5JC77UDOT6CA5FG"
    assert masked(text) == "*** *** *** D17TA5JC77UDOT6CA5FG"


def test_rows_are_not_decoded_for_an_empty_message() -> None:
    assert masker([b"no json"])("") == ""


letters = st.characters(exclude_categories=["Cs"], exclude_characters="*")


@given(
    value=st.text(letters, min_size=3, max_size=40),
    before=st.text(letters, max_size=10),
    after=st.text(letters, max_size=10),
)
def test_no_string_value_survives(value: str, before: str, after: str) -> None:
    text = masked(f"{before} {value} {after}", {"properties": {"contents": [{"content_id": value}]}})
    assert value not in text or value.replace(".", "").lstrip("+-").isdecimal()  # digits may be a row's place


@given(
    st.text(max_size=200),
    st.recursive(st.none() | st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists),
)
def test_masking_never_raises(message: str, value: Any) -> None:
    masked(message, {"value": value})
