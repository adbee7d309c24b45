"""Filters of any value: a default, a number, JSON."""

from __future__ import annotations

from typing import Any, Final

from tockwork.rules.javascript import UNDEFINED
from tockwork.rules.javascript import truthy as truthy_in_javascript
from tockwork.rules.liquid import values
from tockwork.rules.liquid.coercion import Plain, number
from tockwork.rules.liquid.context import Context, Filter
from tockwork.rules.liquid.fault import Fault
from tockwork.rules.liquid.filters.adapters import of_values
from tockwork.rules.liquid.json_text import json_text
from tockwork.rules.liquid.values import plain


def _default(context: Context, value: Any, arguments: list[Any]) -> Any:
    fallback = arguments[0] if arguments else UNDEFINED
    value = plain(value)
    if isinstance(value, (list, str)):
        return value or fallback
    if value is False and truthy_in_javascript(_option("allow_false", arguments[1:])):
        return False
    return value if values.truthy(value) else fallback


def _option(name: str, arguments: list[Any]) -> Any:
    """The value of a named argument; the last one counts. Anything with keys may stand for a name and a value."""
    found: Any = UNDEFINED
    for argument in arguments:
        if not isinstance(argument, (list, dict, Plain)):
            raise Fault("expected named arguments only after the default")
        if values.own(argument, "0") == name:
            found = values.own(argument, "1")
    return found


def _json(context: Context, value: Any, indent: Any = UNDEFINED) -> Any:
    return json_text(value, indent, context.meter)


FILTERS: Final[dict[str, Filter]] = {
    "default": _default,
    "inspect": of_values(_json),
    "json": of_values(_json),
    "jsonify": of_values(_json),
    "raw": lambda context, value, arguments: value,
    "to_integer": lambda context, value, arguments: number(value),
}
