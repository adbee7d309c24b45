"""The fast road: a mapping as one flat, generated Python function over the decoded `Shape`.

Most mappings are made of paths, fallbacks, literals and item lists. For those, `compile_mapping` writes the function
that a careful programmer would write by hand: it reads the struct, checks each value's type and builds the
destination's record. A mapping with any other directive has no fast road, and whatever surprises a generated function
raises `OffRoad`. Both go by the general road (`rules.mapping` and `rules.fields`), which means the same; a property
test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from tockwork.rules import path
from tockwork.rules.fields import SCALARS, Coercion, Field, FieldError, Uncoercible, When
from tockwork.rules.javascript import UNDEFINED
from tockwork.rules.shape import Node, OffRoad, Shape, is_list, is_object

Function = Callable[[Any], Any]


def with_implied(fields: Sequence[Field], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """`mapping` with the defaults of the fields that are implied by those it fills."""
    implied = {f.key: f.default for f in fields if f.implied_by in mapping and f.key not in mapping}
    return {**mapping, **implied}


def is_directive(value: Any) -> bool:
    """Whether the mapping kit takes `value` for a directive: @-keys only, `_metadata` aside."""
    return isinstance(value, dict) and any(k.startswith("@") for k in value) and all(k[:1] == "@" or k == "_metadata" for k in value)


def is_constant(value: Any) -> bool:
    """Whether `value` holds no directive at all."""
    if isinstance(value, dict):
        return not any(key.startswith("@") for key in value) and all(map(is_constant, value.values()))
    if isinstance(value, list):
        return all(map(is_constant, value))
    return True


class Source:
    """A function being written: its lines, the objects that it refers to, and the struct members that it has loaded."""

    def __init__(self, shape: Shape) -> None:
        self.lines: list[str] = []
        self.names: dict[str, Any] = {"OffRoad": OffRoad, "present": _present, "read": path.get, "NUMBERS": (int, float)}
        self._loaded: dict[int, str] = {id(shape.root): "event"}
        self._count = 0

    def name(self, prefix: str = "v") -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def constant(self, value: Any) -> str:
        if value is None or isinstance(value, bool | int | str):
            return repr(value)
        name = self.name("c")
        self.names[name] = value
        return name

    def base(self, node: Node, item: str = "") -> str:
        """The variable that holds `node`'s struct, loading it (and what is above it) first. Absent reads as empty."""
        if id(node) in self._loaded:
            return self._loaded[id(node)]
        if node.parent is None:
            return item
        above = self.base(node.parent, item)
        name = self.name("n")
        assert node.struct is not None
        self.lines.append(f"{name} = {above}.{node.attribute} or {self.constant(node.struct())}")
        self._loaded[id(node)] = name
        return name

    def value(self, root: Node, segments: tuple[str, ...], item: str = "") -> str:
        """An expression for the value at `segments` under `root`; None where it is absent."""
        node, rest = root.split(segments)
        for depth in range(1, len(segments)):  # an ancestor that is read whole is plain JSON below
            above, _ = root.split(segments[:depth])
            if above.whole or above.items is not None:
                node, rest = above, segments[depth:]
                break
        assert node.parent is not None
        expression = f"{self.base(node.parent, item)}.{node.attribute}"
        if not rest:
            return expression
        if not node.whole:
            raise OffRoad
        name = self.name()
        inside = f"present(read({name}, {self.constant(rest)}))"
        return f"(None if ({name} := {expression}) is None or {name} == {{}} else {inside})"

    def function(self, argument: str = "event") -> Function:
        code = f"def function({argument}):\n" + "\n".join(f"    {line}" for line in self.lines)
        exec(compile(code, "<generated>", "exec"), self.names)  # noqa: S102 - every name in it is ours or repr'd
        function: Function = self.names["function"]
        return function


def _present(value: Any) -> Any:
    if value is None or value is UNDEFINED:
        return None
    if isinstance(value, str | int | float | list | dict):
        return value
    raise OffRoad


class MappingCompiler:
    """Writes one mapping's function. Use in two steps: `collect` for every mapping of a connection, then `function`."""

    def __init__(self, fields: Sequence[Field], record: type[msgspec.Struct], mapping: Mapping[str, Any]) -> None:
        by_key = {field.key: field for field in fields}
        if any(key not in by_key and not is_constant(value) for key, value in mapping.items()):
            raise OffRoad
        self._record = record
        self._static = self._static_values(fields, mapping)
        self._live = [
            (field, mapping[field.key])
            for field in fields
            if field.key in mapping and field.key not in self._static and not self._never(field.depends_on)
        ]
        self._fields = fields

    def _static_values(self, fields: Sequence[Field], mapping: Mapping[str, Any]) -> dict[str, Any]:
        """The values that no event changes, coerced."""
        static: dict[str, Any] = {}
        for field in fields:
            value = mapping.get(field.key)
            if not is_constant(value):
                continue
            plain = msgspec.structs.replace(field, depends_on=None, required=False)
            warnings: list[str] = []
            try:
                record = Coercion([plain], self._record).apply({field.key: value}, warnings)
            except FieldError:
                raise OffRoad from None
            if warnings:
                raise OffRoad
            static[field.key] = getattr(record, field.name)
        return static

    def _never(self, when: When | None) -> bool:
        return when is not None and any(k in self._static and self._static[k] not in v for k, v in when.fields.items())

    def collect(self, shape: Shape) -> None:
        """Tell `shape` every path that the mapping reads. Raises `OffRoad` where a directive has no fast road."""
        for field, directive in self._live:
            self._collect(directive, shape, shape.root, field)

    def _collect(self, value: Any, shape: Shape, root: Node, field: Field | None) -> None:
        if is_constant(value):
            return
        if not is_directive(value):
            if not isinstance(value, dict) or field is None or field.type != "object":
                raise OffRoad
            parts = {part.key for part in field.properties}
            for key, part in value.items():
                if key in parts:
                    self._collect(part, shape, root, None)
                elif not is_constant(part):
                    raise OffRoad
            return
        match _only(value):
            case ("@path", str(text)):
                shape.read(path.segments(text), root)
            case ("@literal", constant) if is_constant(constant):
                pass
            case ("@if", dict(branches)) if _is_exists(branches):
                for part in branches.values():
                    self._collect(part, shape, root, None)
            case ("@arrayPath", [str(text), dict(item)]) if field is not None and field.multiple and root is shape.root:
                segments = path.segments(text)
                if item and not is_directive(item):
                    below = self._item_node(shape, segments)
                    for key, part in item.items():
                        if key in {prop.key for prop in field.properties}:
                            self._collect(part, shape, below, None)
                        elif not is_constant(part):
                            raise OffRoad
                    return
                raise OffRoad
            case _:
                raise OffRoad

    @staticmethod
    def _item_node(shape: Shape, segments: tuple[str, ...]) -> Node:
        # An item list over `$.properties` itself is one item made of properties: Segment's presets use it so.
        if segments == ("properties",):
            return shape.root.child("properties")
        return shape.list_items(segments)

    def function(self, shape: Shape) -> Function:
        """The generated function: from the shape's struct to the record. Call after `shape.decoder()`."""
        source = Source(shape)
        source.names["Record"] = self._record
        variables = {
            field.key: source.constant(self._static[field.key])
            for field in self._fields
            if self._static.get(field.key) is not None and not self._never(field.depends_on)
        }
        for field, directive in self._live:
            variables[field.key] = self._write_field(source, shape, field, directive)
        self._write_conditions(source, variables)
        by_slot = {field.name: variables[field.key] for field in self._fields if field.key in variables}
        arguments = [by_slot.get(slot, "None") for slot in self._record.__struct_fields__]
        while arguments and arguments[-1] == "None":
            arguments.pop()
        source.lines.append(f"return Record({', '.join(arguments)})")
        return source.function()

    def _write_conditions(self, source: Source, variables: dict[str, str]) -> None:
        """Drop what does not apply and turn off the road where something required is missing; what no event changes
        is settled here and now."""
        for field in self._fields:
            depends_on, required = field.depends_on, field.required
            if depends_on and field.key in variables and not self._always(depends_on):
                name = source.name()
                source.lines.append(
                    f"{name} = {variables[field.key]} if {_condition(depends_on, variables)} else None"
                )
                variables[field.key] = name
            if required is False or (isinstance(required, When) and self._never(required)):
                continue
            if self._static.get(field.key) is None:
                applies = f" and {_condition(required, variables)}" if isinstance(required, When) else ""
                source.lines.append(f"if {variables.get(field.key, 'None')} is None{applies}: raise OffRoad")

    def _always(self, when: When) -> bool:
        return all(self._static.get(key) in allowed for key, allowed in when.fields.items())

    def _write_field(self, source: Source, shape: Shape, field: Field, directive: Any) -> str:
        name = source.name()
        match _only(directive) if is_directive(directive) else ("", directive):
            case ("@arrayPath", [str(text), dict(item)]):
                self._write_items(source, shape, field, path.segments(text), item, name)
            case ("", dict(parts)):
                self._write_object(source, shape.root, field, parts, name)
            case _:
                source.lines.append(f"{name} = {self._expression(source, shape.root, directive)}")
                if field.type == "object":
                    source.lines.append(f"if {name} is not None: raise OffRoad")
                else:
                    _write_scalar(source, field, name)
        return name

    def _write_items(
        self, source: Source, shape: Shape, field: Field, segments: tuple[str, ...], item: dict[str, Any], name: str
    ) -> None:
        node, _ = shape.root.split(segments)
        if segments == ("properties",):
            if node.whole or node.items is not None:
                raise OffRoad
            one = source.name()
            self._write_object(source, node, field, item, one, base=source.base(node) if is_object(node) else "")
            source.lines.append(f"{name} = None if {one} is None else [{one}]")
            return
        if not is_list(node):
            raise OffRoad
        assert node.items is not None
        listed, each, one = source.value(shape.root, segments), source.name("i"), source.name()
        source.lines += [f"{name} = None", f"for {each} in {listed} or ():"]
        inner = Source(shape)
        inner.names, inner._count, inner._loaded = source.names, source._count, dict(source._loaded)
        inner._loaded[id(node.items)] = each
        self._write_object(inner, node.items, field, item, one, base=each)
        inner.lines += [
            f"if {one} is not None:",
            f"    if {name} is None: {name} = []",
            f"    {name}.append({one})",
        ]
        source._count = inner._count
        source.lines += [f"    {line}" for line in inner.lines]

    def _write_object(
        self, source: Source, root: Node, field: Field, parts: dict[str, Any], name: str, base: str = ""
    ) -> None:
        """Write one object: a record (or dict) of its coerced parts, None when all are absent."""
        variables: list[tuple[Field, str]] = []
        for part in field.properties:
            if part.depends_on is not None:
                raise OffRoad
            if parts.get(part.key) is None:
                continue
            variable = source.name()
            source.lines.append(f"{variable} = {self._expression(source, root, parts[part.key], base)}")
            _write_scalar(source, part, variable)
            variables.append((part, variable))
        if not variables:
            source.lines.append(f"{name} = None")
            return
        anything = " is not None or ".join(variable for _, variable in variables) + " is not None"
        if field.record is None:
            raise OffRoad
        slots = {part.name: variable for part, variable in variables}
        arguments = ", ".join(slots.get(slot, "None") for slot in field.record.__struct_fields__)
        source.lines.append(f"{name} = {source.constant(field.record)}({arguments}) if {anything} else None")

    def _expression(self, source: Source, root: Node, value: Any, item: str = "") -> str:
        if is_constant(value):
            return source.constant(value)
        match _only(value):
            case ("@path", str(text)):
                return source.value(root, path.segments(text), item)
            case ("@literal", constant):
                return source.constant(constant)
            case ("@if", dict(branches)):
                return self._branches(source, root, branches, item)
        raise OffRoad

    def _branches(self, source: Source, root: Node, branches: dict[str, Any], item: str) -> str:
        found = source.name()
        tested = self._expression(source, root, branches["exists"], item)
        then = branches.get("then")
        chosen = found if then == branches["exists"] else self._expression(source, root, then, item)
        other = self._expression(source, root, branches.get("else"), item)
        return f"({chosen} if ({found} := {tested}) is not None else {other})"


def _only(directive: dict[str, Any]) -> tuple[str, Any]:
    return next((key, value) for key, value in directive.items() if key.startswith("@"))


def _is_exists(branches: dict[str, Any]) -> bool:
    return bool(branches.get("exists")) and set(branches) <= {"exists", "then", "else"}


def _condition(when: When, variables: Mapping[str, str]) -> str:
    return " and ".join(f"{variables.get(key, 'None')} in {allowed!r}" for key, allowed in when.fields.items())


def _write_scalar(source: Source, field: Field, name: str) -> None:
    """Write the coercion of the value in `name`: a type test for what is usual, a call for what is not."""
    coerce = _list_of(SCALARS[field.type]) if field.multiple else SCALARS[field.type]
    otherwise = f"{source.constant(_offroad(coerce))}({name})"
    if field.type == "string":
        usual = f"([{name}] if {name} else None)" if field.multiple else f"({name} or None)"
        coerced = f"{usual} if {name}.__class__ is str else {otherwise}"
    else:
        coerced = f"{name} if {name}.__class__ is {'bool' if field.type == 'boolean' else 'int'} else {otherwise}"
    source.lines += [f"if {name} is not None:", f"    {name} = {coerced}"]
    if field.choices:
        source.lines.append(f"    if {name} is not None and {name} not in {field.choices!r}: raise OffRoad")


def _offroad(coerce: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`coerce`, leaving the road where it would refuse."""

    def strict(value: Any) -> Any:
        try:
            return coerce(value)
        except Uncoercible:
            raise OffRoad from None

    return strict


def _list_of(coerce: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def listed(value: Any) -> list[Any] | None:
        items = [coerce(item) for item in (value if isinstance(value, list) else [value])]
        return [item for item in items if item is not None] or None

    return listed
