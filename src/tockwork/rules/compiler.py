"""The fast road: a mapping as one flat, generated Python function over the decoded `Shape`.

Most mappings are made of paths, fallbacks, literals and item lists. For those, `MappingCompiler` writes the function
that a careful programmer would write by hand: it reads the struct, checks each value's type and builds the
destination's record. A mapping with any other directive has no fast road, and whatever surprises a generated function
raises `OffRoad` or `Uncoercible`. Both go by the general road (`rules.mapping` and `rules.coercion`), which means the
same; a property test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tockwork.rules import path
from tockwork.rules.coercion import Coercion
from tockwork.rules.directives import ROOT
from tockwork.rules.expressions import collect, expression, fallible, is_constant, only
from tockwork.rules.fields import Field, FieldError, When
from tockwork.rules.scalars import SCALARS
from tockwork.rules.shape import Node, OffRoad, Shape, is_list, is_object, is_reached
from tockwork.rules.source import Function, Source
from tockwork.rules.validation import is_directive

_EXACT: Final = 2**53
_INT: Final = f"({{0}}.__class__ is int and -{_EXACT} <= {{0}} <= {_EXACT})"
_USUAL: Final = {
    "string": "({0}.__class__ is str and {0})",
    "number": f"({{0}}.__class__ is float and {{0}} % 1 or {_INT})",
    "integer": _INT,
    "boolean": "{0}.__class__ is bool",
}
"""Tests for the values that are right as they are; all others go through `rules.scalars`."""


class MappingCompiler:
    """Writes one mapping's function. Use in two steps: `collect` for every mapping of a connection, then `function`.

    Raises `OffRoad` for a mapping that has no fast road.
    """

    def __init__(self, fields: Sequence[Field], record: type[msgspec.Struct], mapping: Mapping[str, Any]) -> None:
        known = {field.key for field in fields}
        for key, value in mapping.items():
            if key == ROOT or key.startswith("@") or not (key in known or is_constant(value)):
                raise OffRoad
        self._fields = fields
        self._record = record
        self._mapping = mapping
        self._settled: dict[str, Any] = {}  # values that no event changes, None for what is never there
        self._live: dict[str, Any] = {}  # directives, and constants that may be hidden
        self._hidden: list[Any] = []  # directives of no use, which make the mapping fail with some events all the same
        trial = Shape()  # so that a mapping without a fast road asks nothing of the shape that all share
        for field in fields:
            value = mapping.get(field.key)
            self._sort(field, value)
            if field.key in self._live or not is_constant(value):  # what is hidden may fail all the same
                self._collect_field(field, value, trial)

    def _sort(self, field: Field, value: Any) -> None:
        applies = self._verdict(field.depends_on)
        if applies is False or value is None:
            self._settled[field.key] = None
            self._hidden += fallible(value)
        elif field.type == "object" or not is_constant(value):
            self._live[field.key] = value
        else:
            constant = self._coerced(field, value)
            if constant is None or applies:
                self._settled[field.key] = constant
            else:
                self._live[field.key] = constant
        if applies and field.required is True and field.key in self._settled and self._settled[field.key] is None:
            raise OffRoad

    def _coerced(self, field: Field, value: Any) -> Any:
        plain = msgspec.structs.replace(field, depends_on=None, required=False)
        warnings: list[str] = []
        try:
            record = Coercion([plain], self._record).apply({field.key: value}, warnings)
        except FieldError:
            raise OffRoad from None
        if warnings:
            raise OffRoad
        return getattr(record, field.name) or None if field.type == "string" else getattr(record, field.name)

    def _verdict(self, when: When | None) -> bool | None:
        """What is known of a condition without an event; None for nothing."""
        verdict: bool | None = True
        for key, allowed in when.fields.items() if when else ():
            if key in self._live:
                verdict = None
            elif self._settled.get(key) not in allowed:
                return False
        return verdict

    # --- what is read ------------------------------------------------------------------------------------------------

    def collect(self, shape: Shape) -> None:
        """Tell `shape` every path that the mapping reads."""
        for field in self._fields:
            if field.key in self._live:
                self._collect_field(field, self._live[field.key], shape)
        for directive in self._hidden:
            collect(directive, shape, shape.root)

    def _collect_field(self, field: Field, value: Any, shape: Shape) -> None:
        if field.choices and field.multiple:
            raise OffRoad
        if field.type != "object":
            collect(value, shape, shape.root)
        elif (listed := _item_list(field, value)) is not None:
            segments, item = listed
            self._collect_parts(field, item, shape, _item_node(shape, segments))
        elif isinstance(value, dict) and not is_directive(value):
            self._collect_parts(field, value, shape, shape.root)
        else:
            raise OffRoad

    def _collect_parts(self, field: Field, parts: dict[str, Any], shape: Shape, root: Node) -> None:
        known = {part.key: part for part in field.properties}
        for key, value in parts.items():
            if is_constant(value):
                continue
            if key not in known or known[key].type == "object" or (known[key].choices and known[key].multiple):
                raise OffRoad
            collect(value, shape, root)

    # --- what is written -------------------------------------------------------------------------------------------

    def function(self, shape: Shape) -> Function:
        """The generated function: from the shape's struct to the record. Call after `shape.decoder()`."""
        source = Source(shape)
        source.names["Record"] = self._record
        variables: dict[str, str] = {}
        for field in self._fields:
            if field.key in self._live:
                variables[field.key] = self._write_field(source, shape, field, variables)
            elif self._settled[field.key] is not None:
                variables[field.key] = source.constant(self._settled[field.key])
                continue
            if field.required is not False and self._verdict(field.depends_on) is not False:
                self._write_required(source, field, variables)
        source.lines += [expression(source, shape.root, directive) for directive in self._hidden]
        by_slot = {field.name: variables[field.key] for field in self._fields if field.key in variables}
        arguments = [by_slot.get(slot, "None") for slot in self._record.__struct_fields__]
        while arguments and arguments[-1] == "None":
            arguments.pop()
        source.lines.append(f"return Record({', '.join(arguments)})")
        return source.function()

    def _write_required(self, source: Source, field: Field, variables: dict[str, str]) -> None:
        tests = [f"{variables[field.key]} is None"] if field.key in variables else []
        tests += [_condition(when, variables) for when in (field.required, field.depends_on) if isinstance(when, When)]
        source.lines.append(f"if {' and '.join(tests) or 'True'}: raise OffRoad")

    def _write_field(self, source: Source, shape: Shape, field: Field, variables: dict[str, str]) -> str:
        name, value = source.name(), self._live[field.key]
        if (listed := _item_list(field, value)) is not None:
            self._write_items(source, shape, field, *listed, name, variables)
        elif field.type == "object":
            record = self._write_parts(source, shape.root, field, value, variables)
            source.lines.append(f"{name} = {_listed(field, *record)}")
        elif is_constant(value):
            source.lines.append(f"{name} = {source.constant(value)}")
        else:
            source.lines.append(f"{name} = {expression(source, shape.root, value)}")
            _write_scalar(source, field, name)
        self._write_hiding(source, field, name, variables)
        return name

    def _write_hiding(self, source: Source, field: Field, name: str, variables: dict[str, str]) -> None:
        if field.depends_on and self._verdict(field.depends_on) is None:
            source.lines.append(f"if not ({_condition(field.depends_on, variables)}): {name} = None")

    def _write_items(
        self,
        source: Source,
        shape: Shape,
        field: Field,
        segments: tuple[str, ...],
        item: dict[str, Any],
        name: str,
        variables: dict[str, str],
    ) -> None:
        node, _ = shape.root.split(segments)
        if segments == _ONE_ITEM:
            if not is_object(node):
                raise OffRoad
            source.base(node)
            anything, record = self._write_parts(source, node, field, item, variables)
            there = f"{source.value(shape.root, segments)} is not None and ({anything})"
            source.lines.append(f"{name} = {_listed(field, there, record)}")
            return
        if node.items is None or not (is_list(node) and is_reached(node)):
            raise OffRoad
        each, items = source.name("i"), source.name()
        source.lines += [
            f"{name} = {source.value(shape.root, segments)}",
            f"if {name} is not None:",
            f"    {items} = []",
            f"    for {each} in {name}:",
        ]
        loop = source.inner(node.items, each)
        anything, record = self._write_parts(loop, node.items, field, item, variables)
        loop.lines.append(f"if {anything}: {items}.append({record})")
        loop.lines = [f"    {line}" for line in loop.lines]
        source.append(loop)
        source.lines.append(f"    {name} = {items} or None")

    def _write_parts(
        self, source: Source, root: Node, field: Field, parts: dict[str, Any], variables: dict[str, str]
    ) -> tuple[str, str]:
        """Write the parts of one object. Returns two expressions: whether there is any part, and the object."""
        slots: dict[str, str] = {}
        for part in field.properties:
            if self._verdict(part.depends_on) is False or parts.get(part.key) is None:
                source.lines += [expression(source, root, directive) for directive in fallible(parts.get(part.key))]
                continue
            slots[part.name] = variable = source.name()
            source.lines.append(f"{variable} = {expression(source, root, parts[part.key])}")
            _write_scalar(source, part, variable)
            self._write_hiding(source, part, variable, variables)
        anything = " or ".join(f"{variable} is not None" for variable in slots.values()) or "False"
        if field.record is None:
            pairs = ", ".join(f"({slot!r}, {variable})" for slot, variable in slots.items())
            return anything, f"{{key: value for key, value in ({pairs},) if value is not None}}" if slots else "None"
        arguments = ", ".join(slots.get(slot, "None") for slot in field.record.__struct_fields__)
        return anything, f"{source.constant(field.record)}({arguments})"


_ONE_ITEM: Final = ("properties",)
"""An item list over the properties themselves is one item made of them: Segment's presets use it so."""


def _item_list(field: Field, value: Any) -> tuple[tuple[str, ...], dict[str, Any]] | None:
    """The path and the item of an ``@arrayPath`` that lists objects."""
    if not (field.type == "object" and field.multiple and is_directive(value)):
        return None
    match only(value):
        case ("@arrayPath", [str(text), dict(item), *_]) if item and not is_directive(item):
            return path.segments(text), item
    return None


def _item_node(shape: Shape, segments: tuple[str, ...]) -> Node:
    return shape.root.child(segments[0]) if segments == _ONE_ITEM else shape.list_items(segments)


def _condition(when: When, variables: Mapping[str, str]) -> str:
    return " and ".join(f"{variables.get(key, 'None')} in {allowed!r}" for key, allowed in when.fields.items())


def _listed(field: Field, anything: str, record: str) -> str:
    return f"{f'[{record}]' if field.multiple else record} if {anything} else None"


def _write_scalar(source: Source, field: Field, name: str) -> None:
    """Write the coercion of the value in `name`: a type test for what is usual, a call for what is not."""
    coerce, usual = SCALARS[field.type], _USUAL[field.type].format(name)
    if field.multiple:
        source.names["listed"] = _all_coerced
        otherwise = f"listed({source.constant(coerce)}, {name})"
        source.lines.append(f"if {name} is not None: {name} = [{name}] if {usual} else {otherwise}")
    else:
        source.lines.append(f"if {name} is not None and not {usual}: {name} = {source.constant(coerce)}({name})")
    if field.choices:
        source.lines.append(f"if {name} is not None and {name} not in {field.choices!r}: raise OffRoad")


def _all_coerced(coerce: Function, value: Any) -> list[Any] | None:
    items = [coerce(item) for item in (value if isinstance(value, list) else [value])]
    return [item for item in items if item is not None] or None
