"""The paths that occur in events, with what stands there: what a mapping may read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from tockwork.operations.veil import Veil

MAX_PATHS: Final = 500
MAX_DEPTH: Final = 8
MAX_TEXT: Final = 80
_PLAIN: Final = re.compile(r"[^.\[\]'\"\\]+")


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A path as ``@path`` takes it, the types of the values that events have there, how many of them do, and one of the
    values, without what is personal."""

    path: str
    types: list[str]
    events: int
    example: Any = None


def paths(events: Iterable[dict[str, Any]]) -> list[Seen]:
    """The paths of these events, the most frequent first."""
    counts: Counter[str] = Counter()
    types: dict[str, Counter[str]] = {}
    examples: dict[str, Any] = {}
    for event in events:
        veiled = Veil(event).event
        for path, value, shown in _leaves("$", event, veiled, 0):
            counts[path] += 1
            types.setdefault(path, Counter())[_type(value)] += 1
            if path not in examples and value not in (None, "", [], {}):
                examples[path] = shown[:MAX_TEXT] if isinstance(shown, str) else shown
    return [
        Seen(
            path=path, types=[name for name, _ in types[path].most_common()], events=number, example=examples.get(path)
        )
        for path, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MAX_PATHS]
    ]


def _leaves(path: str, value: Any, shown: Any, depth: int) -> Iterator[tuple[str, Any, Any]]:
    """Members that can be written as a path; of a list the list itself and the parts of its first item."""
    if isinstance(value, dict) and depth < MAX_DEPTH:
        for (name, part), part_shown in zip(value.items(), shown.values(), strict=True):
            if _PLAIN.fullmatch(name):
                yield from _leaves(f"{path}.{name}", part, part_shown, depth + 1)
    elif isinstance(value, list):
        yield path, value, f"a list of {len(value)}"
        if value and isinstance(value[0], dict) and depth < MAX_DEPTH:
            yield from _leaves(f"{path}[0]", value[0], shown[0], depth + 1)
    else:
        yield path, value, shown


def _type(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "list" if isinstance(value, list) else "object"
