"""What is wrong with a mapping's fields whatever the event: constants that do not fit, fields that nothing fills."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from tockwork.destinations.declare import suggestion
from tockwork.model.errors import Problem
from tockwork.rules.coercion import Coercion
from tockwork.rules.directives import ROOT
from tockwork.rules.expressions import is_constant
from tockwork.rules.fields import Field, FieldError, When
from tockwork.rules.scalars import describe
from tockwork.rules.validation import is_directive

_LONGEST = 60  # characters of a value that a message repeats


def shown(value: Any) -> str:
    """A value of a configuration, which is not personal, as a message repeats it."""
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= _LONGEST else describe(value)


def constant_problems(
    record: type[msgspec.Struct], fields: Sequence[Field], mapping: Mapping[str, Any]
) -> Iterator[Problem]:
    """Values that no event changes and that do not fit their field, and required fields that are not mapped.

    Nothing is said of a mapping whose root is a directive: there, fields come from what it makes.
    """
    if ROOT in mapping or any(str(key).startswith("@") for key in mapping):
        return
    for field in fields:
        value = mapping.get(field.key)
        if field.required is True and (value is None or value == ""):
            yield Problem(field.key, "is required", field.help)
        else:
            yield from _misfit(record, field, _constant_part(field, value))


def missing_by_design(fields: Sequence[Field], mapping: Mapping[str, Any]) -> Iterator[Problem]:
    """Fields that the mapping's own constants make required, and that are not mapped."""
    constants = {field.key: mapping.get(field.key) for field in fields if is_constant(mapping.get(field.key))}
    for field in fields:
        if isinstance(field.required, When) and field.key not in mapping and field.is_required(constants):
            yield Problem(field.key, f"is required when {field.required}, so every event will be invalid", field.help)


def _misfit(record: type[msgspec.Struct], field: Field, value: Any) -> Iterator[Problem]:
    try:
        Coercion([_strict(field)], record, shown).apply({field.key: value}, [])
    except FieldError as error:
        where, _, what = str(error).partition(": ")
        chosen = isinstance(value, str) and error.reason == "field_choice"
        yield Problem(where, what, suggestion(value, dict.fromkeys(field.choices)) if chosen else "")
    except (TypeError, ValueError):
        yield Problem(field.key, "holds something that is no JSON value")


def _strict(field: Field) -> Field:
    """The field without conditions and without mercy: what is written down can be mended."""
    parts = tuple(map(_strict, field.properties))
    return msgspec.structs.replace(
        field, depends_on=None, required=False, personal=False, optional=False, implied_by="", properties=parts
    )


def _constant_part(field: Field, value: Any) -> Any:
    """`value`, of an object's parts those that no event changes; None where an event decides."""
    if is_constant(value):
        return value
    if is_directive(value):
        match value.get("@arrayPath"):
            case [_, dict(item), *_] if field.type == "object" and not is_directive(item):
                value = item
            case _:
                return None
    if not isinstance(value, dict) or field.type != "object":
        return None
    return {key: part for key, part in value.items() if is_constant(part)}
