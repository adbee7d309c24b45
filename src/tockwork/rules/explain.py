"""Why a trigger fired or did not, and where each value of a mapping came from.

Everything is plain data, with the event's values in it: mask what is personal before it is shown or stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from tockwork.rules import liquid, path, template
from tockwork.rules.directives import compile_mapping, unwrapped
from tockwork.rules.fql import KINDS, NESTED, Condition, Node
from tockwork.rules.javascript import UNDEFINED, ScriptError, number_text, real_type, text_of, truthy, units
from tockwork.rules.mapping import Mapping
from tockwork.rules.notation import observe
from tockwork.rules.objects import defined
from tockwork.rules.trigger import Trigger, actual, holds
from tockwork.rules.validation import is_directive

# --- triggers --------------------------------------------------------------------------------------------------------


class Clause(msgspec.Struct, frozen=True):
    """One comparison of a trigger, or one group of them.

    `text` is FQL. For a comparison, `type` and `value` are what the event has there: "undefined" and None where it has
    nothing. For a group, `operator` is "and" or "or", and `clauses` are its parts.
    """

    text: str
    matched: bool
    type: str = ""
    value: Any = None
    operator: str = ""
    clauses: tuple[Clause, ...] = ()


def explain_trigger(trigger: Trigger, event: dict[str, Any]) -> list[Clause]:
    """Every clause of a trigger with its own verdict; the clauses are joined by ``trigger.root.operator``."""
    return [_clause(child, event) for child in trigger.root.children]


def _clause(node: Node, event: dict[str, Any]) -> Clause:
    if isinstance(node, Condition):
        try:
            found = actual(node, event)
            return Clause(condition_text(node), holds(node, found), real_type(found), _seen(found))
        except ScriptError:
            return Clause(condition_text(node), False)
    clauses = tuple(_clause(child, event) for child in node.children)
    matched = (all if node.operator == "and" else any)(clause.matched for clause in clauses)
    text = f" {node.operator} ".join(clause.text for clause in clauses)
    return Clause(f"({text})", matched, operator=node.operator, clauses=clauses)


_FUNCTIONS: Final = {"contains": "contains({}, {})", "starts_with": "match({}, {})", "ends_with": "match({}, {})"}
_VALUELESS: Final = {"exists": "!= null", "not_exists": "= null", "is_true": "= true", "is_false": "= false"}
_SIGNS: Final = {"number_equals": "=", "number_not_equals": "!="}


def condition_text(condition: Condition) -> str:
    """A condition in FQL: text that parses to the same condition, wherever FQL can say it."""
    if condition.kind == "broken":
        return "()"
    field = _field_text(condition)
    if condition.operator in _VALUELESS and condition.value is None:
        return f"{field} {_VALUELESS[condition.operator]}"
    sort = condition.operator.removeprefix("not_")
    if sort not in _FUNCTIONS or condition.kind == "event-type":
        return comparison_text(condition)
    value = text_of(condition.value)
    if sort == "starts_with":
        expected = f'"{value}*"' if '"' not in value else _word(value + '"')
    elif sort == "ends_with":
        value = f"*{value}"
        expected = _word(value) if value.endswith("*") else _value_text(value)
    else:
        expected = _value_text(value)
    return ("!" if sort != condition.operator else "") + _FUNCTIONS[sort].format(field, expected)


def comparison_text(condition: Condition) -> str:
    """The same as a field, an operator and a value, also where a function is usual: a function ends a group."""
    operator = _SIGNS.get(condition.operator, condition.operator)
    return f"{_field_text(condition)} {operator} {_value_text(condition.value)}"


def _field_text(condition: Condition) -> str:
    field = next(word for word, kind in KINDS.items() if kind == condition.kind)
    if condition.kind in NESTED:
        field = f"{field}.{'.'.join(map(_word, condition.name.split('.')))}"
    return field


def _value_text(value: str | float | bool | None) -> str:
    if isinstance(value, str):
        return f'"{value}"' if '"' not in value else _word(value)
    if isinstance(value, float) and math.isfinite(value):
        return f"{Decimal(number_text(value)):f}"
    if isinstance(value, float):
        return "-" if math.isnan(value) else "1" + "0" * 309
    return text_of(value)


def _word(text: str) -> str:
    """`text` as one word: what could end the word, or make another word of it, is escaped."""
    plain = all(char.isascii() and (char.isalnum() or char in "_-") for char in text)
    if plain and text[:1].isalpha() and text not in ("and", "or", "null", "true", "false"):
        return text
    return "".join(f"\\{unit}" for unit in units(text))


def _seen(value: Any) -> Any:
    try:
        observed = observe(value)
    except ScriptError:  # too large to show
        return None
    return None if observed is UNDEFINED else observed


# --- mappings --------------------------------------------------------------------------------------------------------


class Explained(msgspec.Struct, frozen=True, rename={"origin": "from"}):
    """One value of a mapping: what it is, where it came from in a few words, and what it was made of.

    `value` is None where there is none; `parts` go by the names of an object's members, of a directive's options, of
    the paths in a template, or by position.
    """

    value: Any
    origin: str
    parts: dict[str, Explained] = {}


def explain_mapping(mapping: Mapping, event: dict[str, Any]) -> dict[str, Explained]:
    """Every field of a mapping; a mapping that is one directive goes by the name "". Never raises."""
    root = unwrapped(mapping.source)
    if not isinstance(root, dict) or is_directive(root):
        return {"": _explained(root, event)}
    return {key: _explained(part, event) for key, part in root.items()}


def _explained(part: Any, payload: Any) -> Explained:
    try:
        value = _seen(compile_mapping(part)(payload))
    except (ScriptError, RecursionError) as error:
        return Explained(None, f"failed: {error}")
    if is_directive(part):
        name = next(key for key in part if key.startswith("@"))
        origin, parts = _directive(name, part[name], payload)
        return Explained(value, origin, dict(parts))
    if isinstance(part, (dict, list)):
        members = part if isinstance(part, dict) else dict(enumerate(part))
        parts = {str(key): _explained(member, payload) for key, member in members.items()}
        return Explained(value, "an object" if isinstance(part, dict) else "a list", parts)
    return Explained(value, "a constant")


_Parts = dict[str, Explained]


def _directive(name: str, options: Any, payload: Any) -> tuple[str, _Parts]:
    match name, options:
        case "@path", str(text):
            return (text if path.getter(text)(payload) is not UNDEFINED else f"nothing at {text}"), {}
        case "@template", str(text):
            return f"the template {text!r}", _read(template.Template(text).paths, payload)
        case "@liquid", str(text):
            return f"the Liquid template {text!r}", _read(liquid.compile(text).paths, payload)
        case "@literal" | "@excludeWhenNull", dict() | list():
            return f"{name} of a part", {name: _explained(options, payload)}
        case "@literal" | "@excludeWhenNull", _:
            return "a constant", {}
        case "@if", dict():
            return _branch(options, payload)
        case "@arrayPath", list():
            return _items(options, payload)
        case "@transform", dict():
            made = defined(compile_mapping(unwrapped(options["apply"]))(payload))
            applied = _explained(unwrapped(options["apply"]), payload)
            return "a mapping of a mapping", {"apply": applied, "mapping": _explained(options["mapping"], made)}
        case _, dict() if not is_directive(options):
            return f"{name} of its parts", dict(_dynamic(options, payload))
    return f"{name} of a part", {name: _explained(options, payload)}


def _dynamic(options: dict[str, Any], payload: Any) -> Iterator[tuple[str, Explained]]:
    for key, value in options.items():
        if isinstance(value, (dict, list)):
            yield key, _explained(value, payload)


def _branch(options: dict[str, Any], payload: Any) -> tuple[str, _Parts]:
    probe: dict[str, Any] = {key: options[key] for key in ("exists", "blank") if key in options}
    branch: str = compile_mapping({"@if": {**probe, "then": "then", "else": "else"}})(payload)
    tested = "exists" if "exists" in options else "blank"
    parts: _Parts = {tested: _explained(options[tested], payload)}
    if branch not in options or (branch == "else" and not truthy(options["else"])):
        return f"nothing: there is no '{branch}'", parts
    return branch, {**parts, branch: _explained(options[branch], payload)}


def _items(options: list[Any], payload: Any) -> tuple[str, _Parts]:
    directive = {"@path": options[0]} if isinstance(options[0], str) else options[0]
    found = compile_mapping(directive)(payload)
    where = options[0] if isinstance(options[0], str) else "the list"
    if len(options) < 2 or not isinstance(options[1], dict) or not options[1]:
        return f"the list at {where}", {}
    items = found if isinstance(found, list) else [found] if isinstance(found, dict) else []
    parts: _Parts = {str(position): _explained(options[1], item) for position, item in enumerate(items)}
    return f"each item at {where}", parts


def _read(paths: tuple[str, ...], payload: Any) -> _Parts:
    return {name: Explained(_value_at(name, payload), name) for name in paths}


def _value_at(name: str, payload: Any) -> Any:
    try:
        return _seen(path.get(payload, path.split(name)))
    except ScriptError:  # Liquid reads nothing where a path of the mapping kit fails
        return None
