"""Triggers as forms show them, there and back."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.model.errors import ConfigurationError
from tockwork.rules.conditions import Condition, Group, Tree, fql, tree
from tockwork.rules.trigger import Trigger

PATHS = ("total", "coupon", "address.city", "a b", "products.0.sku", "null", "größe", "x-y", '"', "missing")
TEXTS = (
    "track",
    "Order Completed",
    "Order",
    "Completed",
    "u1",
    "30",
    "",
    '"',
    'say "x"',
    "a*",
    "*b",
    "null",
    "true",
    "ö😀",
)
NESTED = ("property", "trait", "context")

texts = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(codec="utf-8"), max_size=8))
numbers = st.one_of(st.sampled_from((0, 2, 30, 45.5, -1)), st.floats(allow_nan=False, allow_infinity=False))
paths = st.one_of(st.sampled_from(PATHS), st.text(st.characters(codec="utf-8"), min_size=1, max_size=6))


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    what = draw(st.sampled_from(("type", "event", "property", "trait", "context", "userId", "name")))
    path = draw(paths.filter(lambda text: text.strip("[.]"))) if what in NESTED else ""
    order = draw(st.booleans())
    if order and what in NESTED:
        sign = draw(st.sampled_from(("greater", "greater_or_equal", "less", "less_or_equal")))
        return Condition(what, sign, draw(numbers), path)  # type: ignore[arg-type]
    if draw(st.booleans()):
        word = draw(st.sampled_from(("contains", "starts_with", "ends_with")))
        negated = draw(st.sampled_from(("", "not_")))
        return Condition(what, f"{negated}{word}", draw(texts.filter(bool)), path)  # type: ignore[arg-type]
    if what not in ("type", "event") and draw(st.booleans()):
        return Condition(what, draw(st.sampled_from(("exists", "not_exists"))), None, path)  # type: ignore[arg-type]
    operator = draw(st.sampled_from(("is", "is_not")))
    value: Any = draw(texts)
    if what in NESTED:
        value = draw(st.one_of(texts, numbers, st.booleans() if operator == "is" else numbers))
    return Condition(what, operator, value, path)  # type: ignore[arg-type]


joints = st.sampled_from(("and", "or"))
groups = st.builds(Group, joints, st.lists(conditions(), min_size=1, max_size=4).map(tuple))
trees = st.builds(Tree, joints, st.lists(groups, min_size=1, max_size=4).map(tuple))

values = st.one_of(texts, numbers, st.booleans(), st.none(), st.lists(st.integers(0, 3), max_size=2))
members = st.dictionaries(st.sampled_from(PATHS), values, max_size=4)
events = st.fixed_dictionaries(
    {"type": st.sampled_from(("track", "page")), "event": texts, "properties": members, "traits": members},
    optional={"userId": values, "name": values, "context": members},
)


def holds(one: Tree, event: dict[str, Any]) -> bool:
    """What a tree means, by the triggers of its single conditions."""

    def each(condition: Condition) -> bool:
        return Trigger.parse(fql(Tree("and", (Group("and", (condition,)),)))).matches(event)

    def joined(joint: str, verdicts: list[bool]) -> bool:
        return all(verdicts) if joint == "and" else any(verdicts)

    return joined(one.operator, [joined(g.operator, [each(c) for c in g.conditions]) for g in one.groups])


@given(trees, events)
def test_a_trees_text_means_what_the_tree_means(one: Tree, event: dict[str, Any]) -> None:
    trigger = Trigger.parse(fql(one))
    assert not [warning for warning in trigger.warnings if "mixed" in warning]
    assert trigger.matches(event) is holds(one, event)


@given(trees, events)
def test_the_text_of_a_texts_tree_means_the_same(one: Tree, event: dict[str, Any]) -> None:
    text = fql(one)
    read = tree(text)
    assert read is not None
    assert Trigger.parse(fql(read)).matches(event) is Trigger.parse(text).matches(event)
    again = tree(fql(read))
    assert again == read


pieces = st.sampled_from(
    [
        *(
            "(",
            ")",
            " and ",
            " and ",
            " or ",
            " ",
            "!",
            'event = "Order Completed"',
            'contains(event, "x")',
            "type = page",
        ),
        *(
            "properties.total > 30",
            "userId = null",
            'match(name, "*a")',
            'traits.a contains "b"',
            "nonsense",
            "properties.x",
        ),
    ]
)


@given(st.lists(pieces, max_size=20).map("".join), events)
def test_whatever_is_typed(text: str, event: dict[str, Any]) -> None:
    read = tree(text)
    if read is None:
        return
    try:
        written = fql(read)
    except ConfigurationError:  # what a form refuses: an empty text that is looked for, say
        return
    assert Trigger.parse(written).matches(event) is Trigger.parse(text).matches(event)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('type = "track" and event = "Signed Up"', 'type = "track" and event = "Signed Up"'),
        ('type = "page"', 'type = "page"'),
        ("properties.total >  30 and userId != null", "properties.total > 30 and userId != null"),
        (
            '(event = "a" or contains(event, "b")) and type = "track"',
            '(event = "a" or contains(event, "b")) and type = "track"',
        ),
        ('event = "a" or type = "page" and type = "track"', 'event = "a" and type = "page" and type = "track"'),
    ],
)
def test_known_triggers(text: str, shown: str) -> None:
    found = tree(text)
    assert found is not None
    assert fql(found) == shown


@pytest.mark.parametrize("text", ["", "event", "event ~ 1", "()", 'event maybe "x"', "properties.x > word"])
def test_what_a_form_cannot_show(text: str) -> None:
    assert tree(text) is None


@pytest.mark.parametrize(
    ("condition", "where"),
    [
        (Condition("property", "is", "x"), "path"),
        (Condition("property", "is", "x", "..[]"), "path"),
        (Condition("property", "greater", "x", "total"), "value"),
        (Condition("property", "less", True, "total"), "value"),
        (Condition("property", "less", math.inf, "total"), "value"),
        (Condition("property", "contains", "", "total"), "value"),
        (Condition("property", "contains", None, "total"), "value"),
        (Condition("property", "is_not", True, "total"), "operator"),
        (Condition("event", "exists"), "operator"),
        (Condition("event", "is", None), "operator"),
        (Condition("event", "is", True), "value"),
        (Condition("event", "is", "x" * 1001), "value"),
    ],
)
def test_what_cannot_be_said(condition: Condition, where: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        fql(Tree("and", (Group("and", (condition,)),)))
    assert refused.value.problems[0].where == f"groups[0].conditions[0].{where}"


def test_a_tree_without_a_condition() -> None:
    for empty in (Tree("and", ()), Tree("and", (Group("and", ()),))):
        with pytest.raises(ConfigurationError):
            fql(empty)
