"""Fields: what a mapping fills, how a form shows it, and when it counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

FieldType = Literal["string", "number", "integer", "boolean", "object"]
Record = type[msgspec.Struct]


class When(msgspec.Struct, frozen=True):
    """A condition on other fields, each with the values that satisfy it. All must hold.

    ``When({"event_source": ("crm",)})`` reads: only when event_source is crm; None among the values admits a field that
    is absent. It looks at fields that are declared before the one that it belongs to.
    """

    fields: dict[str, tuple[str | None, ...]]

    def holds(self, values: Mapping[str, Any]) -> bool:
        return all(values.get(key) in allowed for key, allowed in self.fields.items())

    def __str__(self) -> str:
        return " and ".join(f"{key} is {' or '.join(filter(None, values))}" for key, values in self.fields.items())


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of an action.

    `default` is the directive (or value) that presets and the console start from, None for none. `choices` restricts a
    string. `required` and `depends_on` may be conditions on other fields of the action; a field whose `depends_on` does
    not hold is hidden in the console and kept out of the row, and so are parts (`properties`) of an object. `personal`
    data that cannot be coerced is left out with a warning instead of making the delivery invalid. `slot` is the
    attribute of the destination's record that takes the value (the key unless said otherwise). A field `implied_by`
    another is no part of any form: it takes its default in every mapping that fills the other, and is left out with a
    warning where that default does not fit, since nobody asked for it. An `optional` field is left out in the same way.
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
    record: Record | None = None
    slot: str = ""
    implied_by: str = ""
    optional: bool = False

    @property
    def name(self) -> str:
        return self.slot or self.key

    @property
    def lenient(self) -> bool:
        """Whether a value that does not fit is left out with a warning."""
        return self.personal or self.optional or bool(self.implied_by)

    def applies(self, values: Mapping[str, Any]) -> bool:
        return self.depends_on is None or self.depends_on.holds(values)

    def is_required(self, values: Mapping[str, Any]) -> bool:
        return self.required.holds(values) if isinstance(self.required, When) else self.required


class FieldError(Exception):
    """A field whose value makes the delivery invalid. `reason` is a reason code; the text starts with the field."""

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


def missing(field: Field) -> FieldError:
    """The error for a required field without a value."""
    why = f" when {field.required}" if isinstance(field.required, When) else ""
    return FieldError("field_missing", f"{field.key}: required{why}, but the event gave no value for it")


def with_implied(fields: Sequence[Field], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """`mapping` with the defaults of the fields that are implied by those it fills."""
    implied = {f.key: f.default for f in fields if f.implied_by in mapping and f.key not in mapping}
    return {**mapping, **implied}
