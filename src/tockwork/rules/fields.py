"""Fields: what a mapping fills, and how a resolved value becomes the type that a field wants.

Coercion follows Segment's action kit (its JSON-schema validation with type coercion): numeric strings become numbers,
numbers and booleans become strings, a one-element list is unwrapped, a scalar becomes a one-element list for a
`multiple` field, unknown keys are removed, and `null` or an empty string counts as absent. What cannot be coerced makes
the delivery invalid, except in a personal field, which is left out with a warning.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from tockwork.rules.javascript import number_text

FieldType = Literal["string", "number", "integer", "boolean", "object"]


class When(msgspec.Struct, frozen=True):
    """A condition on other fields, each with the values that satisfy it. All must hold.

    ``When({"event_source": ("crm",)})`` reads: only when event_source is crm.
    """

    fields: dict[str, tuple[str, ...]]

    def holds(self, values: Mapping[str, Any]) -> bool:
        return all(values.get(key) in allowed for key, allowed in self.fields.items())

    def __str__(self) -> str:
        return " and ".join(f"{key} is {' or '.join(values)}" for key, values in self.fields.items())


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of an action.

    `default` is the directive (or value) that presets and the console start from, None for none. `choices` restricts a
    string. `required` and `depends_on` may be conditions on other fields of the action; a field whose `depends_on` does
    not hold is hidden in the console and kept out of the row. `personal` data that cannot be coerced is left out with a
    warning instead of making the delivery invalid. `slot` is the attribute of the destination's record that takes the
    value (the key unless said otherwise). A field `implied_by` another is no part of any form: it takes its default in
    every mapping that fills the other.
    """

    key: str
    label: str
    help: str
    type: FieldType = "string"
    multiple: bool = False
    required: bool | When = False
    default: Any = None
    choices: tuple[str, ...] = ()
    depends_on: When | None = None
    personal: bool = False
    hashed: bool = False
    properties: tuple[Field, ...] = ()
    record: type[msgspec.Struct] | None = None
    slot: str = ""
    implied_by: str = ""

    @property
    def name(self) -> str:
        return self.slot or self.key


class FieldError(Exception):
    """A field whose value makes the delivery invalid. `reason` is a reason code; the text names the field."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class Uncoercible(Exception):
    """A value that does not become the wanted type. Its text says what was expected and the type that was found."""

    def __init__(self, expected: str, found: Any) -> None:
        super().__init__(f"expected {expected}, got {describe(found)}")


def describe(value: Any) -> str:
    """The value's JSON type in words; never the value itself, which may be personal."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "text" if value.strip() else "blank text"
        case list() | tuple():
            return f"a list of {len(value)}"
        case dict():
            return "an object"
        case _:
            return "something else"


def string(value: Any) -> str | None:
    """`value` as a string; None when absent or empty. Raises `Uncoercible` for objects and longer lists."""
    match value:
        case str():
            return value or None
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number_text(value)
        case [single]:
            return string(single) if not isinstance(single, list) else _refuse("a string", value)
    return _refuse("a string", value)


def number(value: Any) -> int | float | None:
    """`value` as a finite number, whole ones as int; None when absent or blank. Raises `Uncoercible` otherwise.

    Strings are read as JavaScript's ``Number()`` does: surrounding space, exponents and 0x, 0o, 0b are fine, a comma or a
    currency sign is not.
    """
    match value:
        case bool():
            return int(value)
        case int():
            return value
        case float():
            if not math.isfinite(value):
                return _refuse("a finite number", value)
            return int(value) if value.is_integer() and abs(value) < 2**53 else value
        case None:
            return None
        case str():
            return _parse_number(value)
        case [single] if not isinstance(single, list):
            return number(single)
    return _refuse("a number", value)


def integer(value: Any) -> int | None:
    """`value` as a whole number. Raises `Uncoercible` for a fraction too."""
    whole = number(value)
    return whole if whole is None or isinstance(whole, int) else _refuse("a whole number", value)


def boolean(value: Any) -> bool | None:
    """`value` as a boolean: true, "true", 1 and false, "false", 0. Raises `Uncoercible` otherwise."""
    match value:
        case bool() | None:
            return value
        case "true":
            return True
        case "false":
            return False
        case "":
            return None
        case int() | float() if value in (0, 1):
            return bool(value)
        case [single] if not isinstance(single, list):
            return boolean(single)
    return _refuse("true or false", value)


def _parse_number(text: str) -> int | float | None:
    trimmed = text.strip(_JS_SPACE)
    if not trimmed:
        return None
    body = trimmed[1:] if trimmed[0] in "+-" else trimmed
    try:
        if body.isascii() and body.isdigit():
            return int(trimmed) if len(body) <= 400 else _refuse("a number", text)
        if trimmed[:2].lower() in ("0x", "0o", "0b") and body.isalnum() and len(body) <= 400:
            return int(trimmed, 0)
        if body.isascii() and body[0] in "0123456789." and "_" not in body:
            return number(float(trimmed))
    except ValueError:
        pass
    return _refuse("a number", text)


_JS_SPACE = " \t\n\r\v\f\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"


def _refuse(expected: str, found: Any) -> Any:
    raise Uncoercible(expected, found)


SCALARS: dict[str, Callable[[Any], Any]] = {"string": string, "number": number, "integer": integer, "boolean": boolean}


class Coercion:
    """The general road: turns a mapping's resolved object into a destination's record.

    ``Coercion(fields, record).apply(values, warnings)`` returns a `record` whose slots hold coerced values, None where
    absent; it appends to `warnings` what was left out and raises `FieldError` for what makes the delivery invalid.
    """

    def __init__(self, fields: Sequence[Field], record: type[msgspec.Struct]) -> None:
        self._fields = fields
        self._record = record
        self._conditional = [field for field in fields if field.depends_on or field.required]

    def apply(self, values: Any, warnings: list[str]) -> Any:
        if not isinstance(values, dict):
            raise FieldError("field_type", f"the mapping gave {describe(values)} instead of an object")
        coerced = {
            field.key: self._field(field, values.get(field.key), warnings)
            for field in self._fields
            if field.key in values
        }
        for field in self._conditional:
            if field.depends_on and not field.depends_on.holds(coerced):
                coerced.pop(field.key, None)
            elif coerced.get(field.key) is None and is_required(field, coerced):
                raise missing(field)
        slots = {field.name: coerced[field.key] for field in self._fields if coerced.get(field.key) is not None}
        return self._record(**slots)

    def _field(self, field: Field, value: Any, warnings: list[str], where: str = "") -> Any:
        path = f"{where}{field.key}"
        if value is None:
            return None
        try:
            if field.multiple:
                items = value if isinstance(value, list) else [value]
                return self._items(field, items, warnings, path) or None
            return self._one(field, value, warnings, path)
        except Uncoercible as error:
            if not field.personal:
                raise FieldError("field_type", f"{path}: {error}") from None
            warnings.append(f"{path}: {error}; left out")
            return None

    def _items(self, field: Field, items: Iterable[Any], warnings: list[str], path: str) -> list[Any]:
        coerced = []
        for index, item in enumerate(items):
            try:
                value = self._one(field, item, warnings, f"{path}[{index}]")
            except Uncoercible as error:
                if not field.personal:
                    raise
                warnings.append(f"{path}[{index}]: {error}; left out")
                continue
            if value is not None:
                coerced.append(value)
        return coerced

    def _one(self, field: Field, value: Any, warnings: list[str], path: str) -> Any:
        if field.type == "object":
            return self._object(field, value, warnings, path)
        scalar = SCALARS[field.type](value)
        if scalar is not None and field.choices and scalar not in field.choices:
            raise FieldError("field_choice", f"{path}: expected one of {', '.join(field.choices)}")
        return scalar

    def _object(self, field: Field, value: Any, warnings: list[str], path: str) -> Any:
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None or value == "":
            return None
        if not isinstance(value, dict):
            raise Uncoercible("an object", value)
        coerced = {
            part.name: part_value
            for part in field.properties
            if (part_value := self._field(part, value.get(part.key), warnings, f"{path}.")) is not None
        }
        if not coerced:
            return None
        return field.record(**coerced) if field.record else coerced


def is_required(field: Field, values: Mapping[str, Any]) -> bool:
    return field.required.holds(values) if isinstance(field.required, When) else field.required


def missing(field: Field) -> FieldError:
    """The error for a required field without a value."""
    why = f" when {field.required}" if isinstance(field.required, When) else ""
    return FieldError("field_missing", f"{field.key}: required{why}, but the event gave no value for it")
