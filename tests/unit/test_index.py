"""The index of triggers: what an event's type and name decide, and what is left to ask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from tockwork.rules import index
from tockwork.rules.index import TriggerIndex, segments
from tockwork.rules.shape import OffRoad, Shape
from tockwork.rules.trigger import Condition, Trigger


class Triggers:
    """Triggers and the decoder of what they read; targets are their positions."""

    def __init__(self, *texts: str) -> None:
        self.triggers = [Trigger.parse(text) for text in texts]
        shape = Shape()
        self.index = TriggerIndex([trigger.root for trigger in self.triggers], range(len(texts)), shape)
        self.decode = shape.decoder().decode

    def plan(self, call: Any = "track", event: Any = None) -> Any:
        return self.index.plan(call, event)

    def found(self, event: dict[str, Any]) -> Sequence[int]:
        decoded = self.decode(msgspec.json.encode(event))
        plan = self.index.plan(decoded.type, decoded.event)
        return list(plan if isinstance(plan, tuple) else plan(decoded))


def test_type_and_name_decide_most_triggers_at_once() -> None:
    triggers = Triggers('event = "A"', 'type = "track"', 'event = "B" or event = "A"', 'contains(event, "C")')
    assert triggers.plan("track", "A") == (0, 1, 2)
    assert triggers.plan("page", "B") == (2,)
    assert triggers.plan("page", "XCX") == (3,)
    assert triggers.plan("page") == ()


def test_what_is_left_is_asked_of_the_event() -> None:
    triggers = Triggers('event = "A" and properties.total > 30', 'type = "page" or userId = "u"', 'event = "A"')
    assert triggers.plan("page", "X") == (1,)
    assert triggers.found({"type": "track", "event": "A", "properties": {"total": 31}}) == [0, 2]
    assert triggers.found({"type": "track", "event": "A", "userId": "u", "properties": {"total": "31"}}) == [1, 2]
    assert triggers.found({"type": "track", "event": "B", "userId": "u"}) == [1]


def test_events_of_one_kind_share_a_plan() -> None:
    triggers = Triggers('event = "A"', "properties.total > 30")
    assert triggers.plan("track", "X") is triggers.plan("track", "Y") is not triggers.plan("track", "A")


CONDITIONS = [
    "properties.a = null",
    "properties.a != null",
    "properties.a = true",
    "properties.a = false",
    "properties.a != true",
    'properties.a = "x"',
    'properties.a != "x"',
    "properties.a = 5",
    "properties.a != 5",
    "properties.a >= 5",
    'properties.a < "7"',
    'contains(properties.a, "x")',
    '!contains(properties.a, "x")',
    'match(properties.a, "x*")',
    'match(properties.a, "*x")',
    '!match(properties.a, "*x")',
    "properties = null",
    "properties.toString != null",
    'name != "x" and userId != 5',
]


@pytest.mark.parametrize("text", CONDITIONS)
@pytest.mark.parametrize("value", [None, True, False, 5, 5.0, 6, "x", "xay", "5", "", [], {}, ["x"], {"x": 1}, 2**60])
def test_every_condition_means_what_the_trigger_means(text: str, value: Any) -> None:
    triggers = Triggers(text)
    event = {"type": "track", "properties": {"a": value}, "userId": value, "name": value}
    try:
        found = triggers.found(event) == [0]
    except OffRoad:
        assert "toString" in text
    else:
        assert found is triggers.triggers[0].matches(event)


def test_a_condition_that_fails_leaves_the_road_unless_type_and_name_decide() -> None:
    triggers = Triggers('type = "track" and ()', '() or type = "page"')
    with pytest.raises(OffRoad):
        triggers.found({"type": "page"})
    assert Triggers('() and type = "track"').plan("page") == ()


def test_names_that_are_no_text_are_left_to_the_general_road() -> None:
    triggers = Triggers('event = "1"')
    with pytest.raises(OffRoad):
        triggers.plan("track", 1)
    with pytest.raises(TypeError):
        triggers.plan("track", {})


def test_plans_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_PLANS", 3)
    triggers = Triggers('contains(event, "A") and properties.a = 1', 'contains(event, "B") and properties.a = 1')
    for name in ("A", "B", "AB", "C", "AA", "BB", "x" * 300):
        expected = [i for i, letter in enumerate("AB") if letter in name]
        assert triggers.found({"event": name, "properties": {"a": 1}}) == expected
        assert len(triggers.index._plans) <= 3
        assert len(triggers.index._functions) <= 3
    assert (None, "x" * 300) not in triggers.index._plans


def test_conditions_know_their_place() -> None:
    assert segments(Condition("event-context", "page.url", "exists", None)) == ("context", "page", "url")
    assert segments(Condition("event-property", "", "exists", None)) == ()
    assert segments(Condition("event-type", "", "=", "track")) == ("type",)
