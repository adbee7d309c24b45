"""Which mappings an event triggers, without asking every trigger.

An event's type and name decide most triggers. For each pair that turns up, the index settles what they decide once,
and keeps a plan: the mappings that certainly trigger, and one generated function for the conditions that are left. So
the fiftieth mapping costs what the first does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from tockwork.rules.fql import NESTED, Condition, Group
from tockwork.rules.javascript import has_halves
from tockwork.rules.shape import OffRoad, Shape
from tockwork.rules.source import Source
from tockwork.rules.trigger import holds

MAX_PLANS: Final = 4096
"""Plans kept; event names are the sender's, so there can be any number of them."""
LONGEST_NAME: Final = 256
"""Characters of a name whose plan is kept."""

Residue = bool | Condition | Group
Plan = Callable[[Any], Sequence[Any]] | tuple[Any, ...]

_NUMERIC: Final = {"number_equals": "==", "number_not_equals": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def segments(condition: Condition) -> tuple[str, ...]:
    """The event's path that a condition compares; empty where it looks at nothing."""
    if condition.kind in NESTED:
        return (NESTED[condition.kind], *re.findall(r"[^\[.\]]+", condition.name)) if condition.name else ()
    return ({"event-type": "type"}.get(condition.kind, condition.kind),)


def conditions(node: Condition | Group) -> list[Condition]:
    """All that a trigger compares, in order."""
    if isinstance(node, Condition):
        return [node]
    return [condition for child in node.children for condition in conditions(child)]


class TriggerIndex:
    """Plans for events of a `Shape`, which is told every path that the triggers compare.

    `targets` are handed back by the plans, in order. What the shape cannot hold is left to the general road.
    """

    def __init__(self, triggers: Sequence[Group], targets: Sequence[Any], shape: Shape) -> None:
        self._triggers = triggers
        self._targets = targets
        self._shape = shape
        self._unreadable: set[Condition] = set()
        self._plans: dict[tuple[Any, Any], Plan] = {}
        self._functions: dict[tuple[tuple[int, Residue], ...], Plan] = {}
        for condition in (found for trigger in triggers for found in conditions(trigger)):
            try:
                if condition.kind == "broken":
                    raise OffRoad
                if segments(condition):
                    shape.peek(segments(condition))
            except OffRoad:
                self._unreadable.add(condition)

    def plan(self, call: Any, event: Any) -> Plan:
        """The targets for events of this type (`call`) and name, or the function that picks them from the event.

        Raises `OffRoad` (for a list or object: `TypeError`) where the type or name is no text.
        """
        plan = self._plans.get((call, event))
        return self._made(call, event) if plan is None else plan

    def _made(self, call: Any, event: Any) -> Plan:
        for text in (call, event):
            if text is not None and not isinstance(text, str):
                raise OffRoad
        residues = ((i, self.settle(trigger, call, event)) for i, trigger in enumerate(self._triggers))
        left = tuple((i, residue) for i, residue in residues if residue is not False)
        plan = self._functions.get(left)
        if plan is None:
            if len(self._functions) >= MAX_PLANS:
                self._functions.clear()
            plan = self._functions[left] = self._write(left)
        if len(call or "") + len(event or "") <= LONGEST_NAME:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[(call, event)] = plan
        return plan

    def settle(self, node: Condition | Group, call: Any, event: Any) -> Residue:
        """What is left of a trigger once the event's type and name are known."""
        if isinstance(node, Condition):
            if node.kind == "event-type":
                return holds(node, call)
            return holds(node, event) if node.kind == "event" else node
        if node.operator == "or" and not self._unreadable.isdisjoint(conditions(node)):
            return node  # a condition that fails makes the whole trigger false, whatever comes after it
        decisive = node.operator == "or"
        left: list[Condition | Group] = []
        for child in node.children:
            residue = self.settle(child, call, event)
            if residue is decisive:
                return decisive
            if not isinstance(residue, bool):
                left.append(residue)
        if not left:
            return not decisive
        return left[0] if len(left) == 1 else Group(node.operator, tuple(left))

    def _write(self, left: tuple[tuple[int, Residue], ...]) -> Plan:
        if all(residue is True for _, residue in left):
            return tuple(self._targets[i] for i, _ in left)
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
        if node in self._unreadable:
            return "leave()"
        where = segments(node)
        return _comparison(source, node, source.value(self._shape.root, where) if where else "None")


def _comparison(source: Source, condition: Condition, value: str) -> str:
    """A Python expression for one comparison; what is unusual calls `holds`."""
    expected, name = condition.value, source.name()
    found = f"({name} := {value})"
    match condition.operator:
        case "exists":
            return f"{found} is not None"
        case "not_exists":
            return f"{found} is None"
        case "is_true":
            return f"{found} is True"
        case "is_false":
            return f"{found} is False"
        case "=" if isinstance(expected, str):
            return f"{found} == {expected!r}"
        case "!=" if isinstance(expected, str):
            return f"{found} != {expected!r}"
        case "contains" if isinstance(expected, str) and not has_halves(expected):
            return f"({found}.__class__ is str and {expected!r} in {name})"
        case "starts_with" | "ends_with" as search if isinstance(expected, str) and not has_halves(expected):
            return f"({found}.__class__ is str and {name}.{search.replace('_', '')}({expected!r}))"
        case number if number in _NUMERIC and type(expected) in (int, float) and expected == expected:
            compared = f"float({name}) {_NUMERIC[number]} {source.constant(expected)}"
            return f"(({found}.__class__ is float or {name}.__class__ is int) and {compared})"
    source.names["holds"] = holds
    return f"holds({source.constant(condition)}, {value})"
