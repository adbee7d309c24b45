"""The texts of @template and @replace."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tockwork.rules.replacement import replace
from tockwork.rules.template import Template, render


def rendered_by_expressions(text: str, payload: dict[str, Any]) -> str:
    """The rule as Segment writes it, with regular expressions."""
    for width in (3, 2):
        pattern = re.escape("{" * width) + r"([^}]+)" + re.escape("}" * width)
        text = re.sub(pattern, lambda match: str(payload.get(match[1].strip(), "")), text)
    return text


@given(st.lists(st.sampled_from(["{", "{{", "{{{", "}", "}}", "}}}", "a", "b", " "]), max_size=24).map("".join))
def test_a_template_is_found_as_by_regular_expressions(text: str) -> None:
    payload = {"a": "A", "b": "{{a}}", "": "whole"}
    if re.search(r"\{\s*\}", text) or "{ " in text:  # an empty path is the payload itself
        return
    assert render(text, payload) == Template(text).render(payload) == rendered_by_expressions(text, payload)


def test_the_paths_of_a_template() -> None:
    assert Template("{{ a.b }} {{{c}}} {{d").paths == ("c", "a.b", "{c")


@pytest.mark.parametrize(
    ("text", "pattern", "result"),
    [
        ("ſs", "s", "ſ_"),
        ("\u212ak", "k", "\u212a_"),  # the sign for kelvin stays
        ("ßẞ", "ß", "_ẞ"),
        ("σςΣ", "σ", "___"),
        ("İiıI", "i", "İ_ı_"),
        ("𐐀𐐨", "𐐀", "_𐐨"),
        ("Éé", "é", "__"),
    ],
)
def test_ignoring_case_is_by_unit(text: str, pattern: str, result: str) -> None:
    assert replace(text, pattern, "_", once=False, ignoring_case=True) == result
