"""Triggers as forms show them: groups of conditions instead of text. Pure.

    >>> print(fql(Tree("and", (Group("or", (Condition("property", "is", 30.0, "total"),)),))))
    properties.total = 30

FQL can say more than a form, and less: groups do not nest, and only single conditions can be negated. So a tree has
two levels: groups joined by "and" or "or", and in each of them conditions joined by "and" or "or".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import msgspec

from tockwork.model.errors import ConfigurationError, Problem
from tockwork.rules import fql as grammar
from tockwork.rules.explain import comparison_text, condition_text
from tockwork.rules.javascript import number, text_of
from tockwork.rules.tokens import TriggerError

Joint: TypeAlias = Literal["and", "or"]
What: TypeAlias = Literal["type", "event", "property", "trait", "context", "userId", "name"]
Operator: TypeAlias = Literal[
    "is",
    "is_not",
    "greater",
    "greater_or_equal",
    "less",
    "less_or_equal",
    "contains",
    "not_contains",
    "starts_with",
    "not_starts_with",
    "ends_with",
    "not_ends_with",
    "exists",
    "not_exists",
]
Value: TypeAlias = str | float | bool | None

MAX_TEXT: Final = 1000
MAX_CONDITIONS: Final = 200
_KINDS: Final[dict[What, str]] = {
    "type": "event-type",
    "event": "event",
    "property": "event-property",
    "trait": "event-trait",
    "context": "event-context",
    "userId": "userId",
    "name": "name",
}
_WHAT: Final = {kind: what for what, kind in _KINDS.items()}
_ORDER: Final[dict[str, Operator]] = {
    ">": "greater",
    ">=": "greater_or_equal",
    "<": "less",
    "<=": "less_or_equal",
}
_SIGN: Final = {operator: sign for sign, operator in _ORDER.items()}
_SAME: Final[dict[str, Operator]] = {
    word: word
    for word in (
        *("contains", "not_contains", "starts_with", "not_starts_with", "ends_with", "not_ends_with"),
        *("exists", "not_exists"),
    )
}
_VALUELESS: Final = ("exists", "not_exists")
_PATHLESS: Final = ("type", "event", "userId", "name")
_NAMES: Final = ("type", "event")
_SEGMENT: Final = re.compile(r"[^\[.\]]+")


class Condition(msgspec.Struct, frozen=True):
    """One condition: of `what`, at `path` below the properties, traits or context, as in ``address.city``.

    `value` is a text, a number, true, false or null; ``is`` null means that there is none. What exists or not has no
    value. Type, event name, user id and name are compared as text.
    """

    what: What
    operator: Operator
    value: Value = None
    path: str = ""


class Group(msgspec.Struct, frozen=True):
    """Conditions that must all hold ("and"), or one of which must ("or")."""

    operator: Joint
    conditions: tuple[Condition, ...]


class Tree(msgspec.Struct, frozen=True):
    """A trigger: groups that must all hold ("and"), or one of which must ("or")."""

    operator: Joint
    groups: tuple[Group, ...]


# --- from text -------------------------------------------------------------------------------------------------------


def tree(text: str) -> Tree | None:
    """A trigger as a tree; None for one that a form cannot show, which is also one that cannot be read."""
    try:
        root, _ = grammar.parse(text)
        return _tree(root)
    except (TriggerError, _Beyond):
        return None


class _Beyond(Exception):  # noqa: N818 (says what is so)
    """A form has nothing for this."""


def _tree(root: grammar.Group) -> Tree:
    if not any(isinstance(child, grammar.Group) for child in root.children):
        return Tree("and", (_group(root),))
    return Tree(_joint(root), tuple(map(_group, root.children)))


def _group(node: grammar.Node) -> Group:
    if isinstance(node, grammar.Condition):
        return Group("and", (_condition(node),))
    conditions = []
    for child in node.children:
        if isinstance(child, grammar.Group):
            raise _Beyond
        conditions.append(_condition(child))
    return Group(_joint(node), tuple(conditions))


def _joint(group: grammar.Group) -> Joint:
    return "or" if group.operator == "or" else "and"


def _condition(node: grammar.Condition) -> Condition:
    what = _WHAT.get(node.kind)
    path = ".".join(_SEGMENT.findall(node.name))
    if what is None or (what not in _PATHLESS and not path):
        raise _Beyond
    match node.operator:
        case "is_true" | "is_false":
            return Condition(what, "is", node.operator == "is_true", path)
        case "=" | "number_equals":
            return Condition(what, "is", _literal(node.value), path)
        case "!=" | "number_not_equals":
            return Condition(what, "is_not", _literal(node.value), path)
        case sign if sign in _ORDER:
            return Condition(what, _ORDER[sign], _finite(number(node.value)), path)
        case word if word in _VALUELESS and node.value is None:
            return Condition(what, _SAME[word], None, path)
        case word if word in _SAME and word not in _VALUELESS:
            return Condition(what, _SAME[word], text_of(node.value), path)
    raise _Beyond


def _literal(value: grammar.Value) -> Value:
    if isinstance(value, bool) or value is None:
        return text_of(value)  # FQL compares with the word
    return value if isinstance(value, str) else _finite(value)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise _Beyond
    return value


# --- to text ---------------------------------------------------------------------------------------------------------


def fql(tree: Tree) -> str:
    """The trigger's text. Raises `ConfigurationError` with everything that FQL cannot say, each with its place, such as
    ``groups[0].conditions[1].value``."""
    problems = list(_problems(tree))
    if problems:
        raise ConfigurationError(problems)
    groups = [group for group in tree.groups if group.conditions]
    if len(groups) == 1:
        (group,) = groups
        return f" {group.operator} ".join(_text(_node(one)) for one in group.conditions)
    return f" {tree.operator} ".join(map(_group_text, groups))


def _group_text(group: Group) -> str:
    nodes = [_node(condition) for condition in group.conditions]
    if len(nodes) == 1:
        return _text(nodes[0])
    texts = [*map(_inner_text, nodes[:-1]), _text(nodes[-1])]  # FQL takes a function at the end of a group only
    return f"({f' {group.operator} '.join(texts)})"


def _text(node: grammar.Condition) -> str:
    """With a function where people write one, and where it says the same: in ``match`` some texts are taken for a
    pattern."""
    text = condition_text(node)
    root, _ = grammar.parse(text)
    return text if root.children == (node,) or node.value is None else comparison_text(node)


def _inner_text(node: grammar.Condition) -> str:
    return condition_text(node) if node.value is None else comparison_text(node)


def _node(condition: Condition) -> grammar.Condition:
    kind, name, value = _KINDS[condition.what], ".".join(_SEGMENT.findall(condition.path)), condition.value
    name = "" if condition.what in _PATHLESS else name
    match condition.operator:
        case "is" | "is_not" if value is None:
            return grammar.Condition(kind, name, "not_exists" if condition.operator == "is" else "exists")
        case "is" if isinstance(value, bool):
            return grammar.Condition(kind, name, "is_true" if value else "is_false")
        case "is" | "is_not" if isinstance(value, str) or condition.what in _PATHLESS:
            return grammar.Condition(kind, name, "=" if condition.operator == "is" else "!=", text_of(value))
        case "is" | "is_not":
            sort = "number_equals" if condition.operator == "is" else "number_not_equals"
            return grammar.Condition(kind, name, sort, value)
        case "exists" | "not_exists":
            return grammar.Condition(kind, name, condition.operator)
    if condition.operator in _SIGN:
        return grammar.Condition(kind, name, _SIGN[condition.operator], number(value))
    return grammar.Condition(kind, name, condition.operator, text_of(value))


def _problems(tree: Tree) -> Iterator[Problem]:
    number = sum(len(group.conditions) for group in tree.groups)
    if not number:
        yield Problem("groups", "there is no condition", 'Add one, such as: event name is "Order Completed".')
    if number > MAX_CONDITIONS:
        yield Problem("groups", f"expected at most {MAX_CONDITIONS} conditions, found {number}")
        return
    for place, group in enumerate(tree.groups):
        for position, condition in enumerate(group.conditions):
            where = f"groups[{place}].conditions[{position}]"
            yield from (Problem(f"{where}.{p.where}", p.what, p.mend) for p in _wrong(condition))


def _wrong(condition: Condition) -> Iterator[Problem]:
    what, operator, value = condition.what, condition.operator, condition.value
    if what not in _PATHLESS and not _SEGMENT.findall(condition.path):
        yield Problem("path", "is missing", "Name the property, such as total or address.city.")
    if len(condition.path) > MAX_TEXT:
        yield Problem("path", f"is longer than {MAX_TEXT} characters")
    if isinstance(value, str) and len(value) > MAX_TEXT:
        yield Problem("value", f"is longer than {MAX_TEXT} characters")
    nothing = operator in _VALUELESS or (operator in ("is", "is_not") and value is None)
    if nothing and what in _NAMES:
        yield Problem("operator", "a trigger cannot ask whether the type or the event's name is there")
    elif isinstance(value, bool) and operator == "is_not" and what not in _PATHLESS:
        yield Problem("operator", "a trigger cannot say this of true and false", "Ask whether it is the other one.")
    elif isinstance(value, bool) and operator == "is" and what in (*_NAMES, "name"):
        yield Problem("value", "is compared as text here", "Choose text.")
    elif operator in _SIGN and not _is_number(value):
        yield Problem("value", "expected a number", "Write it like 30 or 12.5.")
    elif operator in _SAME and operator not in _VALUELESS and (value is None or value == ""):
        yield Problem("value", "is missing")


def _is_number(value: Value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
