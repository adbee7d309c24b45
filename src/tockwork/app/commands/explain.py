"""``tockwork explain``: why each mapping took an event or not, and where each field's value came from."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from tockwork.destinations.connection import Explanation
from tockwork.rules.explain import Clause, Explained

_MOST = 60  # characters of a value that are shown


def show(console: Console, explanations: list[Explanation], *, everything: bool) -> None:
    """Prints a tree for each mapping that matched, and a line for each that did not (all of them with `everything`)."""
    for explanation in explanations:
        sign = "[green]✓[/]" if explanation.matched else "[dim]✗[/]"
        tree = Tree(f"{sign} [bold]{escape(explanation.mapping)}[/]")
        trigger = tree.add("trigger")
        for clause in explanation.trigger:
            _clause(trigger, clause)
        if explanation.matched:
            fields = tree.add("fields")
            for name, field in explanation.fields.items():
                if everything or _has_value(field):
                    _field(fields, name, field, everything)
        if explanation.withheld:
            tree.add(
                f"[dim]not sent, by the destination's privacy.fields:[/] {escape(', '.join(explanation.withheld))}"
            )
        if explanation.stopped and not explanation.matched:
            tree.add(f"stopped before any trigger: {explanation.stopped}")
        outcome = explanation.outcome
        if outcome is not None:
            result = tree.add(f"[bold]{outcome.status}[/] {outcome.reason or ''}")
            for warning in outcome.warnings:
                result.add(f"[yellow]{escape(warning)}[/]")
            if outcome.row is not None:
                result.add(escape(bytes(outcome.row).decode()))
        console.print(tree)


def _clause(tree: Tree, clause: Clause) -> None:
    sign = "[green]✓[/]" if clause.matched else "[red]✗[/]"
    found = (
        f" [dim]found {_value(clause.value) if clause.type not in ('undefined', '') else 'nothing'}[/]"
        if clause.type
        else ""
    )
    branch = tree.add(f"{sign} {escape(clause.text)}{found}")
    for part in clause.clauses:
        _clause(branch, part)


def _field(tree: Tree, name: str, field: Explained, everything: bool) -> None:
    source = _source(field)
    branch = tree.add(f"{escape(name)} = {_value(field.value)} [dim]from {escape(source.origin)}[/]")
    for part, explained in source.parts.items():
        if everything or _has_value(explained):
            _field(branch, part, explained, everything)


def _source(field: Explained) -> Explained:
    """Where the value comes from in the end, past the branches that led there."""
    while field.origin in ("then", "else"):
        field = field.parts[field.origin]
    return field


def _has_value(field: Explained) -> bool:
    return field.value not in (None, {}, [])


def _value(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return escape(text if len(text) <= _MOST else f"{text[:_MOST]}…")
