"""A form of a trigger: groups of conditions as inputs, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from litestar.datastructures import FormMultiDict

WHAT: Final = (
    ("type", "Event type"),
    ("event", "Event name"),
    ("property", "Event property"),
    ("trait", "Trait"),
    ("context", "Context"),
    ("userId", "User ID"),
    ("name", "Page or screen name"),
)
OPERATORS: Final = (
    ("is", "is"),
    ("is_not", "is not"),
    ("contains", "contains"),
    ("not_contains", "does not contain"),
    ("starts_with", "starts with"),
    ("not_starts_with", "does not start with"),
    ("ends_with", "ends with"),
    ("not_ends_with", "does not end with"),
    ("exists", "exists"),
    ("not_exists", "does not exist"),
    ("greater", "is greater than"),
    ("greater_or_equal", "is at least"),
    ("less", "is less than"),
    ("less_or_equal", "is at most"),
)
TYPES: Final = (("text", "text"), ("number", "number"), ("boolean", "true or false"))
PATHS: Final = ("property", "trait", "context")
VALUELESS: Final = ("exists", "not_exists")
NUMERIC: Final = ("greater", "greater_or_equal", "less", "less_or_equal")
ROOTS: Final = {"property": "$.properties.", "trait": "$.traits.", "context": "$.context."}
"""What a path begins with elsewhere, and not here."""
START: Final = 'type = "track" and event = ""'
START_TREE: Final = {
    "operator": "and",
    "groups": [
        {
            "operator": "and",
            "conditions": [
                {"what": "type", "operator": "is", "value": "track", "path": ""},
                {"what": "event", "operator": "is", "value": "", "path": ""},
            ],
        }
    ],
}
"""What a new mapping's trigger begins with."""
_INPUT: Final = re.compile(r"g(\d{1,3})\.c(\d{1,3})\.what")

Tree = dict[str, Any]


def kept(text: str, tree: Tree | None) -> dict[str, Any]:
    """A trigger for the template, as nobody changed it yet."""
    return {"text": text, "tree": tree, "warnings": [], "error": "", "errors": {}}


def new_condition(what: str = "property") -> dict[str, Any]:
    return {"what": what, "operator": "is", "value": "", "path": ""}


def kind_of(value: Any) -> str:
    """The type of a value, for its input."""
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text"


def shown(value: Any) -> str:
    """A value, for its input."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return "" if value is None else str(value)


def typed(form: FormMultiDict) -> Tree | None:
    """The conditions in a form; None where it has no such inputs."""
    groups: dict[int, dict[int, dict[str, Any]]] = {}
    for name in form:
        if found := _INPUT.fullmatch(name):
            group, place = int(found[1]), int(found[2])
            groups.setdefault(group, {})[place] = _condition(form, f"g{group}.c{place}.")
    if "joint" not in form:
        return None
    return {
        "operator": _joint(form.get("joint")),
        "groups": [
            {
                "operator": _joint(form.get(f"g{group}.joint")),
                "conditions": [conditions[place] for place in sorted(conditions)],
            }
            for group, conditions in sorted(groups.items())
        ],
    }


def changed(tree: Tree, do: str) -> Tree:
    """The conditions after a button: ``add:0`` (to a group), ``group``, ``remove:0:1``."""
    verb, *numbers = do.split(":")
    places = [int(one) for one in numbers if one.isdigit()]
    groups = [{**group, "conditions": list(group["conditions"])} for group in tree["groups"]]
    if verb == "add" and places and places[0] < len(groups):
        groups[places[0]]["conditions"].append(new_condition())
    elif verb == "group":
        groups.append({"operator": "or", "conditions": [new_condition("event")]})
    elif verb == "remove" and len(places) == 2 and places[0] < len(groups):
        conditions = groups[places[0]]["conditions"]
        if places[1] < len(conditions):
            del conditions[places[1]]
    groups = [group for group in groups if group["conditions"]]
    return {**tree, "groups": groups or [{"operator": "and", "conditions": [new_condition("event")]}]}


def is_unfinished(tree: Mapping[str, Any] | None) -> bool:
    """Whether a type or a name is asked for that nobody typed."""
    return tree is not None and any(
        condition["what"] in ("type", "event") and condition["operator"] == "is" and condition.get("value") == ""
        for group in tree["groups"]
        for condition in group["conditions"]
    )


def _condition(form: FormMultiDict, name: str) -> dict[str, Any]:
    def text(part: str) -> str:
        return str(form.get(f"{name}{part}", ""))

    what = text("what") if text("what") in dict(WHAT) else "event"
    operator = text("operator") if text("operator") in dict(OPERATORS) else "is"
    path = text("path").strip().removeprefix(ROOTS.get(what, "")) if what in PATHS else ""
    kind = text("type") if what in PATHS else "text"
    return {"what": what, "operator": operator, "value": _value(operator, kind, text("value")), "path": path}


def _value(operator: str, kind: str, text: str) -> Any:
    if operator in VALUELESS:
        return None
    if operator in NUMERIC or (kind == "number" and operator in ("is", "is_not")):
        try:
            number = float(text)
        except ValueError:
            return text
        return number if number - number == 0 else text
    if kind == "boolean" and operator in ("is", "is_not"):
        return text != "false"
    return text


def _joint(value: Any) -> str:
    return "or" if value == "or" else "and"


BUILDER: Final[dict[str, Any]] = {
    "what": WHAT,
    "types": TYPES,
    "operators": OPERATORS,
    "kind_of": kind_of,
    "shown": shown,
}
"""What the template needs."""
