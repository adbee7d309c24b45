"""Whatever the mapping and the event, resolving ends, soon, and with an error that says why."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tockwork.rules.mapping import Mapping, MappingError, ResolveError
from tockwork.rules.template import render


def nested(levels: int, inner: Any = 1) -> Any:
    for _ in range(levels):
        inner = {"a": inner}
    return inner


def test_a_mapping_is_at_most_100_levels_deep() -> None:
    assert Mapping.parse(nested(100)).resolve({}) == nested(100)
    for mapping in (nested(101), {"a": {"@literal": nested(99)}}, nested(100_000)):
        with pytest.raises(MappingError, match="nested deeper than 100 levels"):
            Mapping.parse(mapping)


@pytest.mark.parametrize(
    "mapping",
    [
        {"@path": "$."},
        {"@json": {"mode": "encode", "value": {"@path": "$.a"}}},
        {"@flatten": {"separator": ".", "value": {"@path": "$.a"}}},
        {"@excludeWhenNull": {"@path": "$.a"}},
        {"@transform": {"apply": {"b": {"@path": "$.a"}}, "mapping": {"c": {"@path": "$.b"}}}},
        {"@arrayPath": ["$.a", {"b": {"@path": "$.a"}}]},
        {"@json": {"mode": "decode", "value": {"@path": "$.text"}}},
    ],
)
def test_a_deep_event_is_an_error(mapping: Any) -> None:
    with pytest.raises(ResolveError, match="deep"):
        Mapping.parse({"v": mapping}).resolve({"a": nested(100_000), "text": "[" * 100_000})


def test_deep_lists_have_no_endless_text() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for mapping in ({"@template": "{{a}}"}, {"@if": {"blank": {"@path": "$.a"}, "then": 1}}):
        with pytest.raises(ResolveError, match="deep"):
            Mapping.parse({"v": mapping}).resolve({"a": deep})


def test_deep_directives_are_read_in_time() -> None:
    mapping: Any = "x"
    for _ in range(48):
        mapping = {"@if": {"exists": mapping, "then": mapping if mapping == "x" else 1}}
    start = time.monotonic()
    Mapping.parse({"v": mapping}).resolve({})
    assert time.monotonic() - start < 2


def doubled(times: int, start: Any, double: Any) -> Any:
    """A mapping that makes `start` twice as long, `times` times over."""
    mapping: Any = {"@path": "$.a"}
    for _ in range(times):
        mapping = {"@transform": {"apply": {"a": double}, "mapping": mapping}}
    return {"@transform": {"apply": {"a": start}, "mapping": mapping}}


@pytest.mark.parametrize(
    "mapping",
    [
        doubled(40, "x", {"@template": "{{a}}{{a}}"}),
        doubled(40, "x", [{"@path": "$.a"}, {"@path": "$.a"}]),
        doubled(40, "x", {"l": {"@path": "$.a"}, "r": {"@path": "$.a"}}),
        doubled(40, "xx", {"@replace": {"pattern": "x", "replacement": "$&$&", "value": {"@path": "$.a"}}}),
        {"@json": {"mode": "encode", "value": doubled(40, "x", [{"@path": "$.a"}, {"@path": "$.a"}])}},
    ],
)
def test_a_small_mapping_has_no_huge_result(mapping: Any) -> None:
    start = time.monotonic()
    with pytest.raises(ResolveError, match=r"more than|longer than"):
        Mapping.parse({"v": mapping}).resolve({})
    assert time.monotonic() - start < 30


def replaced(replacement: str) -> Any:
    options = {"pattern": "x", "replacement": replacement, "value": "x" * 100_000}
    return Mapping.parse({"v": {"@replace": options}}).resolve({})["v"]


def test_replacing_stays_in_bounds() -> None:
    with pytest.raises(ResolveError, match="longer than"):
        replaced("$`$'")
    assert len(replaced("yy")) == 200_000


@pytest.mark.parametrize("text", ["{" * 200_000, "{{a" * 70_000, "{{}" * 70_000, "}}" * 100_000, "{{{x}} " * 30_000])
def test_braces_take_no_time(text: str) -> None:
    start = time.monotonic()
    render(text, {})
    assert time.monotonic() - start < 5
