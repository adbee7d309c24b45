"""Markdown, as the generated pages write it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

WIDTH = 100


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def code(value: Any) -> str:
    return f"`{value if isinstance(value, str) else msgspec.json.encode(value).decode()}`"


def steps(texts: Iterable[str]) -> str:
    """A numbered list."""
    return "".join(f"{number}. {text}\n" for number, text in enumerate(texts, 1))


def json_block(value: Any) -> str:
    """`value` as a fenced block, one line for whatever fits into one."""
    return f"```json\n{_json(value, 0)}\n```\n"


def folded(summary: str, text: str) -> str:
    """`text` behind its `summary`, to be opened by the reader."""
    return f"<details>\n<summary>{summary}</summary>\n\n{text}\n</details>\n"


def _json(value: Any, indent: int) -> str:
    flat = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or len(flat) + indent <= WIDTH:
        return flat
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        lines = [f"{pad}{json.dumps(key, ensure_ascii=False)}: {_json(one, indent + 2)}" for key, one in value.items()]
    else:
        lines = [f"{pad}{_json(one, indent + 2)}" for one in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return "\n".join([opening, ",\n".join(lines), " " * indent + closing])
