"""YAML and JSON files as plain values, and plain values as YAML: what is written reads back as the same values."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from tockwork.model.errors import ConfigurationError, Problem
from tockwork.rules.scalars import describe

MAX_FILE_BYTES: Final = 10_000_000
MAX_DEPTH: Final = 100
_BREAK: Final = re.compile(r"[\n\r\x85\u2028\u2029]")
_LARGEST: Final = 2**64
_LEFT_AS_TEXT: Final = ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value")

Place = tuple[str | int, ...]
"""The keys and indices that lead to a value."""


def shown(place: Place) -> str:
    """A place as people write it: ``mappings[2].trigger``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def read(path: Path) -> Any:
    """The plain values in a YAML or JSON file: objects with text as keys, lists, text, finite numbers, booleans, null.

    Raises `ConfigurationError` naming the line, or each key that is given twice, or each value that is not plain.
    """
    text = _text(path)
    problems: list[Problem] = []
    try:
        value = _json(text, problems) if path.suffix.lower() == ".json" else _yaml(text, problems)
    except json.JSONDecodeError as error:
        raise ConfigurationError([Problem(f"{path}:{error.lineno}:{error.colno}", error.msg)]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise ConfigurationError([Problem(where, getattr(error, "problem", None) or "is no YAML or JSON")]) from None
    problems = [Problem(f"{path.name}{one.where}", one.what, one.mend) for one in problems]
    problems += [Problem(one.where or path.name, one.what, one.mend) for one in _strange(value, ())]
    if problems:
        raise ConfigurationError(problems)
    return value


def dumped(value: Any) -> str:
    """Plain values as YAML that `read` takes for the same values."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError([Problem(str(path), f"larger than {MAX_FILE_BYTES} bytes")])
        return path.read_text("utf-8")
    except OSError as error:
        raise ConfigurationError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ConfigurationError([Problem(str(path), "is no UTF-8 text")]) from None


def _json(text: str, problems: list[Problem]) -> Any:
    """JSON is read as JSON: YAML 1.1 takes ``1e3`` for text, and knows no pairs of surrogates."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                problems.append(_twice(key, ""))
            found[key] = value
        return found

    return json.loads(text, object_pairs_hook=members)


def _yaml(text: str, problems: list[Problem]) -> Any:
    loader = _Loader(text)
    try:
        value = loader.get_single_data()
    finally:
        loader.dispose()
    problems += loader.problems
    return value


def _twice(key: Hashable, where: str) -> Problem:
    return Problem(where, f"{key!r} is given twice in one object", "Keep one of them.")


class _Loader(yaml.SafeLoader):
    """Plain values only: dates stay text, and aliases, which can grow without bound, are refused."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.problems: list[Problem] = []

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases are not supported", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value.__class__ is str and key.value in seen:
                mark = key.start_mark
                self.problems.append(_twice(key.value, f":{mark.line + 1}:{mark.column + 1}"))
            elif key.value.__class__ is str:
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _LEFT_AS_TEXT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Dumper(yaml.SafeDumper):
    """Writes out a value wherever it stands, and lists below their key's indent."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text_node(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    # PyYAML writes the rarer line breaks so that it reads them back as spaces; double quotes escape them all.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if _BREAK.search(text) else None)


_Dumper.add_representer(str, _text_node)


def _strange(value: Any, place: Place) -> Iterator[Problem]:
    """What is in `value` that JSON could not hold."""
    what = None
    match value:
        case dict() | list() if len(place) >= MAX_DEPTH:
            what = f"is nested more than {MAX_DEPTH} deep"
        case dict():
            for key, part in value.items():
                if isinstance(key, str):
                    yield from _strange(key, (*place, "(a key)"))
                    yield from _strange(part, (*place, key))
                else:
                    yield Problem(shown(place), f"expected text as a key, got {describe(key)}", "Put it in quotes.")
        case list():
            for index, part in enumerate(value):
                yield from _strange(part, (*place, index))
        case str():
            what = None if _is_unicode(value) else "holds half a character (a lone surrogate)"
        case bool() | None:
            pass
        case int():
            what = None if -_LARGEST < value < _LARGEST else "is a number of more than 64 bits"
        case float():
            what = None if math.isfinite(value) else "is no finite number"
        case _:
            what = "is neither text, number, boolean, null, list nor object"
    if what:
        yield Problem(shown(place), what)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
