"""The cloud destinations share all their machinery: what is left of each is a short declaration, and nothing twice."""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

from tockwork.destinations.catalog import find
from tockwork.destinations.declare import Destination
from tockwork.destinations.tiktok import chord, conversions, offline_conversions

DECLARATIONS: Final = (conversions, offline_conversions, chord)
KINDS: Final = ("tiktok-conversions", "tiktok-offline-conversions", "chord-tiktok-conversions")
LONGEST: Final = 120
RUN: Final = 6


def short(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def source(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text()


@pytest.mark.parametrize("module", DECLARATIONS, ids=short)
def test_a_declaration_is_short(module: ModuleType) -> None:
    assert len(source(module).splitlines()) <= LONGEST


def test_they_share_one_row_encoder_and_one_response_table() -> None:
    found: list[Destination] = [find(kind) for kind in KINDS]
    assert len({one.read for one in found}) == 1
    assert len({one.record for one in found}) == 1
    assert len({one.path for one in found}) == 1
    assert len({getattr(one.row, "__func__", one.row) for one in found}) == 1


def statements(text: str) -> list[str]:
    """The lines of code after the imports with every name as `_`; texts and numbers stay, comments do not."""
    body = ast.parse(text).body
    first = next(node.lineno for node in body if not isinstance(node, ast.Import | ast.ImportFrom | ast.Expr))
    lines: dict[int, list[str]] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.start[0] >= first and token.type in (tokenize.NAME, tokenize.STRING, tokenize.NUMBER, tokenize.OP):
            is_name = token.type == tokenize.NAME and not keyword.iskeyword(token.string)
            lines.setdefault(token.start[0], []).append("_" if is_name else token.string)
    return [" ".join(parts) for _, parts in sorted(lines.items())]


def runs(text: str) -> set[tuple[str, ...]]:
    lines = statements(text)
    return {tuple(lines[start : start + RUN]) for start in range(len(lines) - RUN + 1)}


def test_no_run_of_six_lines_stands_twice() -> None:
    seen: dict[tuple[str, ...], str] = {}
    for module in DECLARATIONS:
        for run in runs(source(module)):
            assert run not in seen, (seen[run], short(module), run)
        seen |= dict.fromkeys(runs(source(module)), short(module))


def test_a_copy_under_other_names_is_seen() -> None:
    lines = ["def {0}({1}):", "    {1} = 1", "    if {1}:", "        {1} += 2", "    {1} *= 3", "    return {1}"]
    one, other = ("\n".join(lines).format(*names) + "\n" for names in (("f", "x"), ("g", "y")))
    assert runs(one) == runs(other)
    assert runs(one) != runs(one.replace("+= 2", "+= 5"))
