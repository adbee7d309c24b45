"""The list of reason codes is whole and readable."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import tockwork
from tockwork.model import reasons

CONSTANTS = {name: value for name, value in vars(reasons).items() if name.isupper() and isinstance(value, str)}
SOURCES = sorted(Path(tockwork.__file__).parent.rglob("*.py"))


def test_each_code_has_one_constant_of_its_name() -> None:
    assert {name.lower(): value for name, value in CONSTANTS.items()} == {code: code for code in reasons.REASONS}


@pytest.mark.parametrize("code", reasons.REASONS)
def test_each_code_says_what_it_means_and_how_to_mend_it(code: str) -> None:
    reason = reasons.REASONS[code]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    assert reason.meaning.endswith(".")
    assert reason.mend.endswith(".")


def test_every_code_that_an_error_names_is_on_the_list() -> None:
    used: dict[str, str] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                code = node.args[0]
                if node.func.id in ("EventError", "FieldError") and isinstance(code, ast.Constant):
                    used[str(code.value)] = path.name
    assert used
    assert {code: file for code, file in used.items() if code not in reasons.REASONS} == {}
