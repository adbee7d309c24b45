"""Triggers: which events a mapping is for, in Segment's FQL.

    >>> trigger = Trigger.parse('type = "track" and properties.total > 30')
    >>> trigger.matches({"type": "track", "properties": {"total": 45.5}})
    True

What an event is compared with, and how, is what `validate` of npm's @segment/destination-subscriptions 3.37 does.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any, Final

from tockwork.rules import fql, path
from tockwork.rules.fql import NESTED, Condition, Group, Node
from tockwork.rules.javascript import UNDEFINED, ScriptError, double, has_halves, number, text_of, units, whole
from tockwork.rules.tokens import TriggerError

Test = Callable[[Any], bool]

__all__ = ["Condition", "Group", "Trigger", "TriggerError", "actual", "holds"]

_MEMBERS: Final = {"event-type": "type", "event": "event", "name": "name", "userId": "userId"}
_NUMERIC: Final[dict[str, Callable[[float, float], bool]]] = {
    "number_equals": operator.eq,
    "number_not_equals": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TEXTUAL: Final[dict[str, Callable[[str, str], bool]]] = {
    "contains": lambda found, expected: expected in found,
    "starts_with": str.startswith,
    "ends_with": str.endswith,
}
_SIMPLE: Final[dict[str, Test]] = {
    "exists": lambda found: found is not UNDEFINED and found is not None,
    "not_exists": lambda found: found is UNDEFINED or found is None,
    "is_true": lambda found: found is True,
    "is_false": lambda found: found is False,
}


class Trigger:
    """A parsed trigger.

    `source` is its text, `root` its conditions, and `warnings` says, one sentence each, what Segment takes in silence
    and cannot have been meant.
    """

    __slots__ = ("_test", "root", "source", "warnings")

    def __init__(self, source: str, root: Group, warnings: tuple[str, ...]) -> None:
        self.source = source
        self.root = root
        self.warnings = warnings
        self._test = _compile(root)

    @classmethod
    def parse(cls, text: str) -> Trigger:
        """Read a trigger. Raises `TriggerError`, with the column, for what Segment cannot read."""
        source = whole(text)
        return cls(source, *fql.parse(source))

    def matches(self, event: dict[str, Any]) -> bool:
        """Whether `event` fires the trigger. Never raises: where Segment fails, nothing matches."""
        try:
            return isinstance(event, dict) and self._test(event)
        except ScriptError:
            return False

    def __repr__(self) -> str:
        return f"Trigger.parse({self.source!r})"


def holds(condition: Condition, found: Any) -> bool:
    """Whether the value that `condition` looks at satisfies it. Raises `ScriptError` for the kind ``broken``."""
    return _test(condition)(found)


def actual(condition: Condition, event: dict[str, Any]) -> Any:
    """The value of `event` that `condition` looks at, `UNDEFINED` where there is none."""
    return _reader(condition)(event)


def _compile(node: Node) -> Test:
    if isinstance(node, Condition):
        read, test = _reader(node), _test(node)
        return lambda event: test(read(event))
    tests = [_compile(child) for child in node.children]
    decisive = node.operator == "or"

    def decide(event: Any) -> bool:
        for test in tests:
            if test(event) is decisive:
                return decisive
        return not decisive

    return decide


def _reader(condition: Condition) -> path.Getter:
    if condition.kind in NESTED:
        if not condition.name:
            return lambda event: UNDEFINED
        return path.reader((NESTED[condition.kind], *re.findall(r"[^\[.\]]+", condition.name)))
    member = _MEMBERS.get(condition.kind, "")
    return lambda event: event.get(member, UNDEFINED)


def _test(condition: Condition) -> Test:
    sort, value = condition.operator, condition.value
    if condition.kind == "broken":
        return _fail
    if sort in _SIMPLE:
        return _SIMPLE[sort]
    if sort in _NUMERIC:
        return _compared(_NUMERIC[sort], number(value))
    expected = text_of(value)
    if sort == "=":
        return lambda found: bool(found == expected)
    if sort == "!=":
        return lambda found: bool(found != expected)
    if sort in _TEXTUAL:
        return _searched(_TEXTUAL[sort], expected, True)
    if sort.removeprefix("not_") in _TEXTUAL and sort.startswith("not_"):
        return _searched(_TEXTUAL[sort.removeprefix("not_")], expected, False)
    return lambda found: False


def _fail(found: Any) -> bool:
    raise ScriptError("Segment fails at this condition")


def _compared(compare: Callable[[float, float], bool], expected: float) -> Test:
    def test(found: Any) -> bool:
        return isinstance(found, (int, float)) and not isinstance(found, bool) and compare(double(found), expected)

    return test


def _searched(search: Callable[[str, str], bool], expected: str, wanted: bool) -> Test:
    if has_halves(expected):  # only halves can match within a character
        return lambda found: isinstance(found, str) and search(units(found), units(expected)) is wanted
    return lambda found: isinstance(found, str) and search(found, expected) is wanted
