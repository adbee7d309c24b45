"""Coercion: the general road from a mapping's resolved object to a destination's record of typed fields.

It follows Segment's action kit (its JSON-schema validation with type coercion): scalars become what `rules.scalars`
makes of them, a scalar becomes a one-element list for a `multiple` field, unknown keys are removed, and what is null or
empty counts as absent. What cannot be coerced makes the delivery invalid, except in a personal field, which is left out
with a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from tockwork.rules.fields import Field, FieldError, missing
from tockwork.rules.scalars import SCALARS, Uncoercible, describe


class Coercion:
    """``Coercion(fields, record).apply(values, warnings)`` returns a `record` whose slots hold coerced values.

    Slots without a value keep their default. `describe` puts a refused value into words; by default its type alone,
    since an event's values may be personal.
    """

    def __init__(
        self, fields: Sequence[Field], record: type[msgspec.Struct], describe: Callable[[Any], str] = describe
    ) -> None:
        self._fields = fields
        self._record = record
        self._describe = describe

    def apply(self, values: Any, warnings: list[str]) -> Any:
        """Appends to `warnings` what is left out, and raises `FieldError` for what makes the delivery invalid."""
        if not isinstance(values, dict):
            raise FieldError("field_type", f"the mapping gave {describe(values)} instead of an object")
        return _Pass(self._describe, warnings).record(self._fields, self._record, values)


class _Pass:
    """One run over a mapping's values, top down in the order of the fields, so that conditions find what they ask."""

    def __init__(self, describe: Callable[[Any], str], warnings: list[str]) -> None:
        self._describe = describe
        self._warnings = warnings
        self._coerced: dict[str, Any] = {}

    def record(self, fields: Sequence[Field], record: type[msgspec.Struct], values: dict[str, Any]) -> Any:
        slots = {}
        for field in fields:
            if not field.applies(self._coerced):
                continue
            value = self._field(field, values.get(field.key), "")
            if value is not None:
                self._coerced[field.key] = slots[field.name] = value
            elif field.is_required(self._coerced):
                raise missing(field)
        return record(**slots)

    def _field(self, field: Field, value: Any, where: str) -> Any:
        path = f"{where}{field.key}"
        if not field.multiple or not isinstance(value, list):
            one = self._fitting(field, value, path)
            return [one] if field.multiple and one is not None else one
        items = [self._fitting(field, item, f"{path}[{index}]") for index, item in enumerate(value)]
        return [item for item in items if item is not None] or None

    def _fitting(self, field: Field, value: Any, path: str) -> Any:
        """The coerced value, None for what is absent or left out."""
        try:
            return None if value is None else self._one(field, value, path)
        except Uncoercible as error:
            refusal = f"{path}: expected {error.expected}, got {self._describe(error.found)}"
            if not field.lenient:
                raise FieldError(error.reason, refusal) from None
            self._warnings.append(f"{refusal}; left out")
            return None

    def _one(self, field: Field, value: Any, path: str) -> Any:
        if field.type == "object":
            return self._object(field, value, path)
        scalar = SCALARS[field.type](value)
        if scalar is not None and field.choices and scalar not in field.choices:
            raise Uncoercible(f"one of {', '.join(field.choices)}", scalar, "field_choice")
        return scalar

    def _object(self, field: Field, value: Any, path: str) -> Any:
        if value is None or value == "":
            return None
        if not isinstance(value, Mapping):
            raise Uncoercible("an object", value)
        coerced = {
            part.name: part_value
            for part in field.properties
            if part.applies(self._coerced)
            and (part_value := self._field(part, value.get(part.key), f"{path}.")) is not None
        }
        if not coerced:
            return None
        return field.record(**coerced) if field.record else coerced
