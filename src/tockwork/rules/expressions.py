"""Expressions: the directives that have a fast road, read by path and written as Python expressions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from tockwork.rules import path
from tockwork.rules.javascript import WHITESPACE, truthy
from tockwork.rules.shape import Node, OffRoad, Shape
from tockwork.rules.source import Source
from tockwork.rules.validation import is_directive

_STRIPPED: Final = re.compile(r"\{\{ ([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*) \| strip \}\}", re.ASCII)
_OF_LIQUID: Final = frozenset("size first last true false nil null empty blank".split())


def unless_blank(where: str, otherwise: Any) -> dict[str, Any]:
    """The directive for the value at ``$.where``, or for `otherwise` where that is absent, null, blank or `[]`.

    What ``blank`` alone takes for blank is 0 and false too, and no space: hence the text without space around it.
    """
    here = {"@path": f"$.{where}"}
    return {"@if": {"blank": {"@liquid": f"{{{{ {where} | strip }}}}"}, "then": here, "else": otherwise}}


def is_constant(value: Any) -> bool:
    """Whether `value` holds no directive at all."""
    if isinstance(value, dict):
        return not any(key.startswith("@") for key in value) and all(map(is_constant, value.values()))
    if isinstance(value, list):
        return all(map(is_constant, value))
    return True


def only(directive: dict[str, Any]) -> tuple[str, Any]:
    """A directive's name and options."""
    return next((key, value) for key, value in directive.items() if key.startswith("@"))


def collect(value: Any, shape: Shape, root: Node) -> None:
    """Tell `shape` what a scalar's directive reads. Raises `OffRoad` where the directive has no fast road."""
    if is_constant(value):
        return
    match only(value) if is_directive(value) else None:
        case ("@path", str(text)) if path.segments(text):
            shape.read(path.segments(text), root)
        case ("@literal", constant) if is_constant(constant):
            pass
        case ("@if", dict(branches)) if truthy(branches.get("exists")) and "blank" not in branches:
            for key in ("exists", "then", "else"):
                collect(branches.get(key), shape, root)
        case ("@if", dict(branches)) if _is_unless_blank(branches) and root is shape.root:
            for key in ("then", "else"):
                collect(branches.get(key), shape, root)
        case _:
            raise OffRoad


def _is_unless_blank(branches: dict[str, Any]) -> bool:
    """Whether they are what `unless_blank` makes."""
    match branches:
        case {"blank": {"@liquid": str(text), **more}, "then": {"@path": str(then), **other}} if not (more or other):
            found = _STRIPPED.fullmatch(text)
            return (
                "exists" not in branches
                and found is not None
                and then == f"$.{found[1]}"
                and _OF_LIQUID.isdisjoint(found[1].split("."))
            )
    return False


def fallible(value: Any) -> Iterator[dict[str, Any]]:
    """The directives in a value that fail with some events."""
    if isinstance(value, list):
        yield from (found for each in value for found in fallible(each))
    elif isinstance(value, dict):
        branches = value.get("@if")
        if isinstance(branches, dict) and _is_unless_blank(branches):
            yield value
        else:
            yield from (found for each in value.values() for found in fallible(each))


def expression(source: Source, root: Node, value: Any) -> str:
    """An expression for what `collect` let pass."""
    if is_constant(value):
        return source.constant(value)
    name, options = only(value)
    if name == "@path":
        return source.value(root, path.segments(options))
    return source.constant(options) if name == "@literal" else _branches(source, root, options)


def _branches(source: Source, root: Node, branches: dict[str, Any]) -> str:
    found, then = source.name(), branches.get("then")
    tested: Any = branches.get("exists", then)
    test = f"({found} := {expression(source, root, tested)}) is not None"
    if "exists" not in branches:
        source.names["filled"] = _is_filled
        test += f" and filled({found})"
    same = is_directive(tested) and tested == then and "@path" in tested
    chosen = found if same else expression(source, root, then)
    other = branches.get("else")
    return f"({chosen} if {test} else {expression(source, root, other) if truthy(other) else None})"


def _is_filled(value: Any) -> bool:
    """Whether a value's text is more than space."""
    if value.__class__ is str:
        return bool(value.strip(WHITESPACE))
    if isinstance(value, int | float):
        return True
    raise OffRoad
