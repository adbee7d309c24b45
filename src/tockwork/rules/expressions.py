"""Expressions: the directives that have a fast road, read by path and written as Python expressions."""

from __future__ import annotations

from typing import Any

from tockwork.rules import path
from tockwork.rules.javascript import truthy
from tockwork.rules.shape import Node, OffRoad, Shape
from tockwork.rules.source import Source
from tockwork.rules.validation import is_directive


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
        case _:
            raise OffRoad


def expression(source: Source, root: Node, value: Any) -> str:
    """An expression for what `collect` let pass."""
    if is_constant(value):
        return source.constant(value)
    name, options = only(value)
    if name == "@path":
        return source.value(root, path.segments(options))
    return source.constant(options) if name == "@literal" else _branches(source, root, options)


def _branches(source: Source, root: Node, branches: dict[str, Any]) -> str:
    found, tested, then = source.name(), branches["exists"], branches.get("then")
    test = f"({found} := {expression(source, root, tested)}) is not None"
    same = is_directive(tested) and tested == then and "@path" in tested
    chosen = found if same else expression(source, root, then)
    other = branches.get("else")
    return f"({chosen} if {test} else {expression(source, root, other) if truthy(other) else None})"
