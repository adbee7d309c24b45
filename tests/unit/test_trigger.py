"""Triggers: what they match, what is refused, and what is warned of."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.rules.javascript import UNDEFINED, ScriptError
from tockwork.rules.trigger import Condition, Group, Trigger, TriggerError, actual, holds

EVENT: dict[str, Any] = {
    "type": "track",
    "event": "Order Completed",
    "name": "Home",
    "userId": "u1",
    "properties": {
        "total": 45.5,
        "quantity": 2,
        "coupon": True,
        "gift": False,
        "currency": "EUR",
        "none": None,
        "products": [{"sku": "s-1"}],
        "a b": "spaced",
        "emoji": "😀x",
        "big": 9007199254740993,
    },
    "traits": {"email": "ada@example.com", "age": 36},
    "context": {"locale": "de-DE", "page": {"url": "https://shop.example/"}},
}


def matches(text: str) -> bool:
    return Trigger.parse(text).matches(EVENT)


@pytest.mark.parametrize(
    "text",
    [
        'type = "track"',
        "type = track",
        'type = "track" and event = "Order Completed"',
        'type = "page" or event != "Page"',
        "properties.total > 30 and properties.total <= 45.5",
        "properties.quantity = 2",
        "properties.quantity = 2.0",
        "properties.quantity != 3",
        "properties.coupon = true",
        "properties.gift = false",
        "properties.none = null",
        "properties.missing = null",
        "properties.total != null",
        "traits.age >= 36",
        'context.page.url = "https://shop.example/"',
        'contains(event, "Order")',
        '!contains(event, "Refund")',
        'match(event, "Order*")',
        'match(event, "*Completed")',
        '!match(event, "Page*")',
        'userId != null and name = "Home"',
        '(type = "page" or type = "track") and properties.currency = "EUR"',
        'type = "track" and (event = "x" or contains(event, "Order"))',
        "properties.products.length = 1",
        'properties.products.\\0.sku = "s-1"',
        'properties.a\\ b = "spaced"',
        'event contains "Completed"',
        "properties.total number_equals 45.5",
        'properties.total > "30"',
        "properties.big = 9007199254740992",
        'contains(properties.emoji, "😀")',
        'properties.constructor.name = "Object"',
        '  type\t=\n"track"  ',
        "properties . total = 45.5",
    ],
)
def test_matches(text: str) -> None:
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    [
        'type = "page"',
        "properties.total > 45.5",
        "properties.total > abc",
        "properties.coupon = false",
        'properties.coupon = "true"',
        "properties.currency > 1",
        'properties.quantity = "2"',
        "properties.missing < 1",
        "properties.missing != 3",
        'contains(properties.missing, "x")',
        '!contains(properties.missing, "x")',
        'match(properties.total, "4*")',
        "userId = null",
        "event is x",
    ],
)
def test_does_not_match(text: str) -> None:
    assert not matches(text)


@pytest.mark.parametrize(
    ("text", "matched"),
    [
        ('type = "page" and event = "x" or name = "Home"', True),  # the last word joins all three
        ('type = "track" or event = "x" and name = "Home"', False),
        ("type = 'track'", False),  # single quotes are part of the text
        ("event = null", False),  # the text "null"
        ("event =", False),  # the end's own name is the value
        ("properties.coupon != true", True),  # compared with the text "true"
        ('foo type = "track"', True),
        ('type = "track" event = "x"', False),  # "and"
        ('toString = "x" and type = "track"', True),  # JavaScript's own member swallows two words
        ('(contains(event, "zzz") or type = "track") and name = "Home"', False),  # the group ends at its first ')'
        ('() or type = "track"', False),  # fails where it gets to the group
        ('type = "track" or ()', True),
        ('properties.\\. = 1 or type = "track"', False),
        ("properties.constructor.caller != 1 or type = track", False),
        ('properties.total = "45.5"', False),
    ],
)
def test_what_segment_takes_in_silence(text: str, matched: bool) -> None:
    assert matches(text) is matched


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("", 1),
        ("   ", 1),
        ("foo", 1),
        ("()", 1),
        ('event = "x', 9),
        ('event = "x" and %', 17),
        ("event!=x", 6),
        ("properties.total<5", 12),
        ("event = 5.", 9),
        ("event = 1.2.3", 9),
        ("event = b\\", 9),
        ("event", 6),
        ("😀", 1),
        ('event = "😀" and 😀', 17),
        ("(type = track", 14),
        ('((type = "x"))', 13),
        ("contains(event", 15),
        ("contains(", 10),
        ("type = track\r", 8),
        ('event = "' + "x" * 100_000 + '"', 9),
    ],
)
def test_refused(text: str, column: int) -> None:
    with pytest.raises(TriggerError) as caught:
        Trigger.parse(text)
    assert caught.value.column == column
    assert str(caught.value).startswith(f"column {column}: ")


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ('type = "a" and type = "b" or type = "c"', "joined by the last, 'or'"),
        ('type = "a" event = "b"', "neither 'and' nor 'or'"),
        ('foo = "x" and type = "a"', "column 1: 'foo' is no field"),
        ('type = "a" and ()', "column 16: this group has no condition"),
        ("event = 'x'", "column 9: single quotes"),
        ("contains(event, 'x')", "single quotes"),
        ("event = null", "the text 'null'"),
        ("event =", "column 8: a value is missing"),
        ("properties.x != true", "the text 'true'"),
        ("properties.x > abc", "a number is expected"),
        ("properties.x is 5", "'is' is no operator"),
        ('contains(type, "a") and event = "b"', "cannot look at 'type'"),
        ('contains(event, "a"', "has no ')'"),
        ('contains(event "a") and type = "b"', "a field, a comma and a value"),
        ('!event = "x"', "'!' works before"),
        ('(contains(event, "a") or type = "b") and type = "c"', "ended at its first ')'"),
        ('type = "a" )', "')' is out of place"),
        ('event = "a" "b"', "is out of place"),
        ('event = "x"and type = "y"', """column 11: '"and type = "' is out of place"""),
    ],
)
def test_warns(text: str, warning: str) -> None:
    assert any(warning in found for found in Trigger.parse(text).warnings), Trigger.parse(text).warnings


@pytest.mark.parametrize(
    "text",
    [
        'type = "track" and (event = "a" or event = "b") and properties.total > 5',
        '(type = "track" and contains(event, "x")) or !match(userId, "u*")',
        "properties.x != null and traits.y = true and context.z != 5",
    ],
)
def test_does_not_warn_of_what_is_meant(text: str) -> None:
    assert Trigger.parse(text).warnings == ()


def test_the_parsed_trigger() -> None:
    trigger = Trigger.parse('type = "track" and (properties.total >= 5 or !match(traits.email, "*.com"))')
    assert trigger.source == 'type = "track" and (properties.total >= 5 or !match(traits.email, "*.com"))'
    either = (
        Condition("event-property", "total", ">=", 5.0),
        Condition("event-trait", "email", "not_ends_with", ".com"),
    )
    assert trigger.root == Group("and", (Condition("event-type", "", "=", "track"), Group("or", either)))
    assert Trigger.parse("userId = null").root == Group("and", (Condition("userId", "", "not_exists", None),))


def test_one_condition_by_itself() -> None:
    condition = Condition("event-property", "total", "number_equals", 45.5)
    assert actual(condition, EVENT) == 45.5
    assert actual(condition, {}) is UNDEFINED
    assert holds(condition, 45.5)
    assert not holds(condition, "45.5")
    assert not holds(condition, True)
    with pytest.raises(ScriptError):
        holds(Condition("broken"), None)


def test_halves_of_characters_compare_as_in_javascript() -> None:
    assert matches('contains(properties.emoji, "\ud83d")')
    assert matches('match(properties.emoji, "\ud83d*")')
    assert matches('match(properties.emoji, "😀x")')  # ends with what is left without the first half
    assert not matches('contains(event, "\ud83d")')


@pytest.mark.parametrize(
    "event", [{}, {"properties": None}, {"properties": []}, {"properties": "x"}, {"type": {}}, [], None]
)
def test_any_event_is_decided(event: Any) -> None:
    for text in ("properties.a.b.c > 5", 'type = "x"', "properties.length = 9", 'contains(event, "x")'):
        assert Trigger.parse(text).matches(event) is False


def test_a_deep_event_is_decided() -> None:
    event: dict[str, Any] = {}
    for _ in range(100_000):
        event = {"properties": event}
    assert Trigger.parse("properties.properties.properties != null").matches(event)


def test_matching_changes_nothing() -> None:
    before = copy.deepcopy(EVENT)
    matches('properties.products.length = 1 and contains(event, "Order")')
    assert before == EVENT


@given(st.text(alphabet=" \t\n\"'()!=<>.,\\andornulcontainsmatchtypeeventproperties05-+[]é😀", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        trigger = Trigger.parse(text)
    except TriggerError as error:
        column = error.column
    else:
        column = 1
        assert trigger.matches(EVENT) in (True, False)
    assert 1 <= column <= len(text) + 1
