"""Which mappings an event triggers, without asking every trigger.

An event's type and name decide most triggers. For each pair that turns up, the index settles what they decide once,
and keeps a plan: the mappings that certainly trigger, and one generated function for the conditions that are left. So
the fiftieth mapping costs what the first does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from tockwork.rules.compiler import Source
from tockwork.rules.javascript import has_halves
from tockwork.rules.fql import NESTED, Condition, Group
from tockwork.rules.shape import OffRoad, Shape
from tockwork.rules.trigger import holds

MAX_PLANS = 4096
"""Plans kept; event names are the sender's, so there can be any number of them."""

Residue = bool | Condition | Group
Plan = Callable[[Any], Sequence[Any]] | tuple[Any, ...]

_NUMERIC = {"number_equals": "==", "number_not_equals": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def segments(condition: Condition) -> tuple[str, ...]:
    """The event's path that a condition compares."""
    if condition.kind in NESTED:
        return (NESTED[condition.kind], *re.findall(r"[^\[.\]]+", condition.name))
    return ({"event-type": "type"}.get(condition.kind, condition.kind),)


def settle(node: Condition | Group, type: Any, event: Any) -> Residue:
    """What is left of a trigger once the event's type and name are known."""
    if isinstance(node, Condition):
        if node.kind == "event-type":
            return holds(node, type)
        if node.kind == "event":
            return holds(node, event)
        return node
    decisive = node.operator == "or"
    left: list[Condition | Group] = []
    for child in node.children:
        residue = settle(child, type, event)
        if residue is decisive:
            return decisive
        if not isinstance(residue, bool):
            left.append(residue)
    if not left:
        return not decisive
    return left[0] if len(left) == 1 else Group(node.operator, tuple(left))


class TriggerIndex:
    """Plans for events of a `Shape`. `targets` are handed back by the plans, in order."""

    def __init__(self, triggers: Sequence[Group], targets: Sequence[Any]) -> None:
        self._triggers = triggers
        self._targets = targets
        self._shape: Shape | None = None
        self._plans: dict[tuple[Any, Any], Plan] = {}
        self._functions: dict[tuple[tuple[int, Residue], ...], Plan] = {}

    def collect(self, shape: Shape) -> None:
        """Tell `shape` every path that the triggers compare. Raises `OffRoad` where one cannot be read there."""
        for trigger in self._triggers:
            for condition in _conditions(trigger):
                if condition.kind == "broken" or (isinstance(condition.value, str) and has_halves(condition.value)):
                    raise OffRoad
                shape.peek(segments(condition))
        self._shape = shape

    def plan(self, type: Any, event: Any) -> Plan:
        """The targets for events of this type and name, or the function that picks them from the decoded event."""
        plan = self._plans.get((type, event))
        if plan is None:
            residues = ((i, settle(trigger, type, event)) for i, trigger in enumerate(self._triggers))
            left = tuple((i, residue) for i, residue in residues if residue is not False)
            plan = self._functions.get(left)
            if plan is None:
                plan = self._functions[left] = self._write(left)
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[(type, event)] = plan
        return plan

    def _write(self, left: tuple[tuple[int, Residue], ...]) -> Plan:
        if all(residue is True for _, residue in left):
            return tuple(self._targets[i] for i, _ in left)
        assert self._shape is not None
        source = Source(self._shape)
        body = ["found = []"]
        for i, residue in left:
            target = source.constant(self._targets[i])
            test = "True" if isinstance(residue, bool) else self._test(source, residue)
            body.append(f"if {test}: found.append({target})")
        source.lines += [*body, "return found"]
        return source.function()

    def _test(self, source: Source, node: Condition | Group) -> str:
        if isinstance(node, Group):
            return "(" + f" {node.operator} ".join(self._test(source, child) for child in node.children) + ")"
        assert self._shape is not None
        value = source.value(self._shape.root, segments(node))
        return _comparison(source, node, value, source.name())


def _conditions(node: Condition | Group) -> list[Condition]:
    if isinstance(node, Condition):
        return [node]
    return [condition for child in node.children for condition in _conditions(child)]


def _comparison(source: Source, condition: Condition, value: str, name: str) -> str:
    """A Python expression for one comparison; what is unusual calls `holds`."""
    expected = condition.value
    match condition.operator:
        case "exists":
            return f"{value} is not None"
        case "not_exists":
            return f"{value} is None"
        case "is_true":
            return f"{value} is True"
        case "is_false":
            return f"{value} is False"
        case "=" if isinstance(expected, str):
            return f"{value} == {expected!r}"
        case "!=" if isinstance(expected, str):
            return f"{value} != {expected!r}"
        case "contains":
            return f"(({name} := {value}).__class__ is str and {str(expected)!r} in {name})"
        case "starts_with":
            return f"(({name} := {value}).__class__ is str and {name}.startswith({str(expected)!r}))"
        case "ends_with":
            return f"(({name} := {value}).__class__ is str and {name}.endswith({str(expected)!r}))"
        case operator if operator in _NUMERIC and type(expected) in (int, float) and expected == expected:
            number = source.constant(expected)
            return f"(({name} := {value}).__class__ in NUMBERS and {name} {_NUMERIC[operator]} {number})"
    source.names["holds"] = holds
    return f"holds({source.constant(condition)}, {value})"

