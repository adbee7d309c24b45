"""What the table does not say: places of errors, paths, determinism, and that no template does harm."""

from __future__ import annotations

import contextlib
import copy
import json
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tockwork.rules import liquid
from tockwork.rules.liquid.meter import NESTING

TEXT = "abcdefghij" * 30
DOUBLE = "{% assign a = a | append: a %}"


def render(template: str, event: dict[str, Any] | None = None) -> str:
    return liquid.compile(template).render(event or {})


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "place"),
    [
        ("{{ a", "line 1, column 1"),
        ("ab\n {% if x %}", "line 2, column 2"),
        ("{{ a + b }}", "line 1, column 6"),
        ("x\n\n{{ 'a' | append }}", "line 3, column 1"),
        ("{% if a %}{{ b | map: 'c' }}{% endif %}", "line 1, column 11"),
        ("{{ '%' | url_decode }}", "line 1, column 1"),
    ],
)
def test_an_error_names_its_place(template: str, place: str) -> None:
    with pytest.raises(liquid.LiquidError, match=place) as caught:
        render(template, {"a": True, "b": []})
    assert place == f"line {caught.value.line}, column {caught.value.column}"


def test_an_error_is_a_value_error_that_says_what_was_expected() -> None:
    assert issubclass(liquid.LiquidError, ValueError)
    with pytest.raises(liquid.LiquidError, match="expected '=' "):
        liquid.compile("{% assign a 1 %}")
    with pytest.raises(liquid.LiquidError, match="Segment does not allow the tag 'for'"):
        liquid.compile("{% for a in b %}{% endfor %}")
    with pytest.raises(liquid.LiquidError, match="Segment does not allow the filter 'sort'"):
        render("{{ a | sort }}")


def test_an_error_never_holds_a_value_of_the_event() -> None:
    event = {"secret": "ada@example.com", "object": {"toString": "ada@example.com"}}
    for template in (
        "{{ secret | base64_decode }}",
        "{{ object }}",
        "{{ 0 | date: '', secret }}",
        "{{ a | where: b }}",
    ):
        with pytest.raises(liquid.LiquidError) as caught:
            render(template, {**event, "b": "[ada@example.com"})
        assert "ada" not in str(caught.value)


def test_a_template_is_limited_to_a_thousand_characters() -> None:
    assert render("") == ""
    assert render("x" * 1000) == "x" * 1000
    assert render("😀" * 500) == "😀" * 500
    for long in ("x" * 1001, "😀" * 501):
        with pytest.raises(liquid.LiquidError, match="limited to 1000 characters"):
            liquid.compile(long)


# --- paths -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "paths"),
    [
        ("plain", ()),
        ("{{ properties.total | plus: traits.age }}{{ properties.total }}", ("properties.total", "traits.age")),
        ("{{ properties.products[0]['name'].first }}", ("properties.products.0.name.first",)),
        ("{{ properties[traits.key].x }}", ("traits.key", "properties")),
        ("{% assign v = a.b %}{{ v }}{% capture w %}{{ c }}{% endcapture %}{{ w.x }}", ("a.b", "c")),
        ("{% if a == 1 and b %}{% elsif c %}{% endif %}{% cycle d: e, f %}", ("a", "b", "c", "d", "e", "f")),
        ("{{ (low..high) }}{% liquid echo g | default: h: i %}", ("low", "high", "g", "i")),
        ("{% raw %}{{ a }}{% endraw %}{% comment %}{{ b }}{% endcomment %}", ()),
        ("{{ 'naïve'.size }}{{ größe['😀'] }}", ("größe.😀",)),
    ],
)
def test_paths_are_the_variables_that_are_read(template: str, paths: tuple[str, ...]) -> None:
    assert liquid.compile(template).paths == paths


# --- the same event, the same text -----------------------------------------------------------------------------------


def test_rendering_leaves_the_event_alone() -> None:
    event = {"n": 1, "list": [3, "😀"], "o": {"é": "😀"}}
    before = copy.deepcopy(event)
    template = liquid.compile("{% increment n %}{% assign list = list | push: 1 %}{{ o | json }}{{ n }}{{ list }}")
    assert template.render(event) == template.render(event) == '1{"é":"😀"}23😀1'
    assert event == before


def test_now_is_when_the_event_was_received() -> None:
    template = liquid.compile("{{ 'now' | date: '%F %Y-%m-%d %T' }}|{{ 'today' | date: '%d' }}")
    assert template.render({"receivedAt": "2026-02-03T04:05:06Z"}) == "%F 2026-02-03 %T|03"
    assert template.render({"timestamp": "2025-01-02T00:00:00Z"}) == "%F 2025-01-02 %T|02"
    assert template.render({}) == "now|today"


def test_sample_depends_on_the_message_alone() -> None:
    template = liquid.compile("{{ list | sample }}{{ list | sample: 3 | join: '' }}")
    texts = [template.render({"list": list("abc"), "messageId": f"m-{number}"}) for number in range(60)]
    assert texts == [template.render({"list": list("abc"), "messageId": f"m-{number}"}) for number in range(60)]
    assert {text[0] for text in texts} == set("abc")
    assert all(sorted(text[1:]) == list("abc") and text[0] == text[1] for text in texts)


def test_a_template_renders_in_many_threads() -> None:
    template = liquid.compile("{% assign x = a | times: 2 %}{% increment c %}{% cycle 'p', 'q' %}{{ x }}")
    found: list[bool] = []

    def work(number: int) -> None:
        found.append(all(template.render({"a": number}) == f"0p{2 * number}" for _ in range(200)))

    threads = [threading.Thread(target=work, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


def test_the_offset_of_a_zone_may_be_written_in_figures() -> None:
    assert render("{{ 0 | date: '%H:%M %z %Z', '+05:30' }}") == "05:30 +0530 +05:30"
    assert render("{{ 0 | date: '%H:%M %z', '-0330' }}") == "20:30 -0330"


# --- safety ----------------------------------------------------------------------------------------------------------

ENDLESS = {
    "doubling": "{% assign a = text %}" + DOUBLE * 24 + "{{ a | size }}",
    "capturing": "{% assign a = text %}" + "{% capture a %}{{a}}{{a}}{% endcapture %}" * 22,
    "printing": "{% assign a = text %}" + DOUBLE * 10 + "{{a}}" * 90,
    "replacing": "{% assign a = text %}" + DOUBLE * 6 + "{{ a | replace: '', a | size }}",
    "joining": "{{ (1..200000) | join: text | size }}",
    "a long range": "{{ (1..100000000) | size }}",
    "an infinite range": "{{ (1..'Infinity') | size }}",
    "a range that never moves": "{{ (90071992547409920.5..90071992549409920) | size }}",
    "nesting lists": "{% assign a = list %}" + "{% assign a = a | push: a %}" * 27 + "{{ a | json | size }}",
    "nesting arguments": "{% assign a = 1 %}" + "{% assign a = 1 | push: b: a | push: b: a %}" * 21 + "{{ a }}",
    "comparing": "{% assign a = list %}" + "{% assign a = a | push: a %}" * 27 + "{% if a == a %}{% endif %}",
    "a wide date": "{{ 0 | date: '%99999999Y' }}",
    "a very wide date": "{{ 0 | date: '%999999999999999999999999999999Y' }}",
    "a long fraction": "{{ 0 | date: '%99999999N' }}",
    "a long format": "{% assign a = '%c%c%c%c%c%c%c%c' %}" + DOUBLE * 16 + "{{ 0 | date: a | size }}",
    "a long slice": "{{ text | slice: 0, 200000000 }}",
    "a long path": "{% assign a = 'a.a.a.a.a.a.' %}" + DOUBLE * 13 + "{{ list | sum: a }}{{ list | where: a }}",
    "sampling": "{{ (1..300000) | sample }}",
    "deep brackets": "{{ " + "a[" * 330 + "]" * 330 + " }}",
    "deep ranges": "{{ " + "(" * 160 + "1" + "..1)" * 160 + " }}",
    "deep tags": "{% liquid " + "liquid " * 135 + "echo 1 %}",
    "a deep value": "{{ deep | json }}",
}


@pytest.mark.parametrize("template", ENDLESS.values(), ids=list(ENDLESS))
def test_what_would_take_for_ever_is_an_error_soon(template: str) -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    started = time.monotonic()
    with pytest.raises(liquid.LiquidError):
        render(template, {"text": TEXT, "list": list(range(500)), "deep": deep})
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ 1.5 | round: 1000000 }} {{ 1.5 | round: -1000000 }}", "1.5 0"),
        ("{{ 1e308 | times: 10 }}{{ '1e308' | times: 10 }}", "0Infinity"),
        ("{{ text | truncate: 1000000000 | size }} {{ text | truncatewords: 1000000000000 | size }}", "300 300"),
        ("{{ text | slice: 0, 99999999 | size }} {{ text | slice: -99999999 | size }}", "300 0"),
        ("{{ huge | plus: 1 }}", "Infinity"),
        ("{{ zeros | plus: 1 }} {{ spaces | strip | size }} {{ spaces | squish | size }}", "1 1 1"),
        ("{{ 0 | date: '%s', '../../etc/passwd' | default: 'x' }}", None),
        ("{{ " + "a[" * 90 + "1" + "]" * 90 + " }}", ""),
        ("{% if huge %}" * 28 + "x" + "{% endif %}" * 28, "x"),
        ("{{ nested | json | size }} {{ nested }} {{ nested == nested }}", "180  true"),
    ],
)
def test_what_is_large_but_harmless(template: str, text: str | None) -> None:
    nested: list[Any] = []
    for _ in range(89):
        nested = [nested]
    event = {"text": TEXT, "huge": 10**400, "zeros": "0" * 50_000, "spaces": " " * 50_000 + "x", "nested": nested}
    if text is None:
        with pytest.raises(liquid.LiquidError):
            render(template, event)
    else:
        assert render(template, event) == text


def test_the_deepest_template_needs_little_stack() -> None:
    template = "{{ " + "a[" * (NESTING - 1) + "1" + "]" * (NESTING - 1) + " }}"

    def deeper(levels: int) -> str:
        return deeper(levels - 1) if levels else render(template)

    assert deeper(300) == ""


WORDS = (
    "{{ }} {% %} {{- -}} | : , . [ ] ( ) .. ' \" = == > contains and not nil empty x text list size first 1 -1 2.5 "
    "upcase split join plus date json default slice replace where assign if elsif else endif capture endcapture raw "
    "endraw cycle increment echo liquid # comment endcomment block endblock \n \\ 😀 %Y"
)
PIECES = st.sampled_from(WORDS.split(" "))
TEMPLATES = st.one_of(
    st.text(max_size=60),
    st.lists(PIECES, max_size=25).map(" ".join),
    st.lists(PIECES, max_size=15).map(lambda pieces: "{{ " + " ".join(pieces) + " }}"),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=1_000)
@given(TEMPLATES, VALUES, st.text(max_size=8))
def test_any_text_renders_or_is_a_liquid_error(template: str, value: Any, text: str) -> None:
    with contextlib.suppress(liquid.LiquidError):
        assert isinstance(render(template, {"x": value, "text": text, "list": [value, text]}), str)


@settings(deadline=1_000)
@given(VALUES)
def test_the_json_of_a_value_reads_back_as_the_value(value: Any) -> None:
    def as_javascript(value: Any) -> Any:
        return json.loads(json.dumps(value), parse_int=float, parse_constant=lambda name: None)

    assert json.loads(render("{{ x | json }}", {"x": value}), parse_int=float) == as_javascript(value)
