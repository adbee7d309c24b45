"""Whose event it is: by ids, e-mail addresses and phone numbers, plain or hashed, wherever they stand."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.destinations.connection import Connection
from tockwork.destinations.person import event_marks, mark, row_marks
from tockwork.destinations.tiktok.conversions import CONVERSIONS

MAIL = "ann@shop.example"
PHONE = "+14155550177"
HASH = hashlib.sha256(MAIL.encode()).hexdigest()


def marks(event: Any, *regions: str) -> set[bytes]:
    return event_marks(msgspec.json.encode(event), regions or ("US",))


@pytest.mark.parametrize(
    ("given_", "same"),
    [(" Ann@Shop.example ", MAIL), (HASH.upper(), MAIL), ("+1 (415) 555-0177", PHONE), (" User-7", "user-7")],
)
def test_what_is_one_person_has_one_mark(given_: str, same: str) -> None:
    assert mark(given_) == mark(same) is not None


@pytest.mark.parametrize("text", ["", "  ", "undefined", "NULL", "+12", "+", hashlib.sha256(b"").hexdigest()])
def test_what_is_nobody_has_no_mark(text: str) -> None:
    assert mark(text) is None


def test_a_number_without_a_plus_is_an_id() -> None:
    assert mark("14155550177") != mark(PHONE)


@pytest.mark.parametrize(
    ("event", "person"),
    [
        ({"userId": "u1"}, "u1"),
        ({"userId": 42}, "42"),
        ({"userId": 42.0}, "42"),
        ({"anonymousId": "A-1"}, "a-1"),
        ({"previousId": "u0"}, "u0"),
        ({"userId": "+1 415 555 0177"}, PHONE),
        ({"userId": MAIL}, MAIL),
        ({"properties": {"email": " ANN@shop.example"}}, MAIL),
        ({"traits": {"email": [MAIL]}}, MAIL),
        ({"context": {"traits": {"contact": {"work": [{"address": f"Ann <{MAIL}>"}]}}}}, MAIL),
        ({"context": {"page": {"url": "https://x.example/?e=ann%40shop.example&b"}}}, MAIL),
        ({"messageId": MAIL}, MAIL),
        ({"properties": {MAIL: 1}}, MAIL),
        ({"traits": {"email": HASH}}, MAIL),
        ({"properties": {"phone": "(415) 555-0177"}}, PHONE),
        ({"traits": {"phoneNumber": 4155550177}}, PHONE),
        ({"traits": {"Phone": {"home": ["4155550177"]}}}, PHONE),
        ({"properties": {"call": "+1 415 555-0177"}}, PHONE),
    ],
)
def test_an_event_is_its_persons(event: Any, person: str) -> None:
    assert mark(person) in marks(event)


def test_numbers_belong_to_the_regions() -> None:
    event = {"traits": {"phone": "030 123456"}}
    assert mark("+4930123456") in marks(event, "US", "DE")
    assert mark("+4930123456") not in marks(event)


def test_a_value_that_is_no_id_marks_nobody() -> None:
    assert mark("42") not in marks({"userId": "u", "properties": {"quantity": "42", "order_id": "42"}})


@given(st.binary(max_size=40) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_any_entry_has_marks_or_none(entry: bytes) -> None:
    assert all(len(each) == 32 for each in event_marks(entry) | row_marks(entry))


def test_a_row_has_its_persons_marks() -> None:
    settings = {"accessToken": "t", "pixelCode": "C8E2OS3C77UABCDXYZ00"}
    fields = {"event": "Buy", "external_id": "u1", "email": {"@path": "$.x"}, "phone_number": "4155550177"}
    mapping = {"name": "One", "trigger": 'type = "track"', "fields": fields}
    (outcome,) = Connection(CONVERSIONS, settings, [mapping]).outcomes(b'{"type":"track","x":"ann@shop.example"}', 0.0)
    assert row_marks(bytes(outcome.row)) == {mark("u1"), mark(MAIL), mark(PHONE)}
