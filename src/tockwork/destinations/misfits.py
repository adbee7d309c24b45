"""Plain values against the shape of a struct: everything that does not fit, at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from tockwork.destinations.declare import suggestion
from tockwork.model.errors import Problem
from tockwork.rules.scalars import describe

_QUOTES: Final = "Put it in quotes."


def misfits(value: Any, wanted: type[msgspec.Struct], where: str = "") -> Iterator[Problem]:
    """Every place where `value` is not as `wanted` declares it: unknown members, missing ones, wrong types."""
    yield from _misfits(value, inspect.type_info(wanted), where)


def _misfits(value: Any, wanted: inspect.Type, where: str) -> Iterator[Problem]:
    match wanted:
        case inspect.AnyType():
            return
        case inspect.UnionType():
            if not (value is None and wanted.includes_none):
                (one,) = (kind for kind in wanted.types if not isinstance(kind, inspect.NoneType))
                yield from _misfits(value, one, where)
        case inspect.StructType() if isinstance(value, dict):
            yield from _members(value, wanted, where)
        case inspect.DictType() if isinstance(value, dict):
            for key, part in value.items():
                yield from _misfits(part, wanted.value_type, _member(where, key))
        case inspect.ListType() if isinstance(value, list):
            for index, part in enumerate(value):
                yield from _misfits(part, wanted.item_type, f"{where}[{index}]")
        case inspect.StrType() if isinstance(value, str):
            return
        case inspect.BoolType() if isinstance(value, bool):
            return
        case inspect.IntType() | inspect.FloatType() if _is_number(value, wanted):
            return
        case inspect.LiteralType() if isinstance(value, str):
            if value not in wanted.values:
                words = [str(each) for each in wanted.values]
                mend = suggestion(value, dict.fromkeys(words))
                yield Problem(where, f"expected one of {', '.join(words)}, got {value!r}", mend)
        case _:
            scalar = isinstance(value, bool | int | float) and isinstance(wanted, inspect.StrType)
            yield Problem(where, f"expected {_named(wanted)}, got {describe(value)}", _QUOTES if scalar else "")


def _is_number(value: Any, wanted: inspect.Type) -> bool:
    kinds = (int, float) if isinstance(wanted, inspect.FloatType) else (int,)
    return isinstance(value, kinds) and not isinstance(value, bool)


def _members(value: dict[str, Any], wanted: inspect.StructType, where: str) -> Iterator[Problem]:
    known = {field.encode_name: field for field in wanted.fields}
    for key, part in value.items():
        if key not in known:
            yield Problem(_member(where, key), "is no known member", suggestion(key, known))
        else:
            yield from _misfits(part, known[key].type, _member(where, key))
    for key, field in known.items():
        if field.required and key not in value:
            yield Problem(_member(where, key), f"is required: {_named(field.type)}")


def _member(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _named(wanted: inspect.Type) -> str:
    match wanted:
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() | inspect.FloatType():
            return "a number" if isinstance(wanted, inspect.FloatType) else "a whole number"
        case inspect.LiteralType():
            return f"one of {', '.join(map(str, wanted.values))}"
        case inspect.ListType():
            return "a list"
        case inspect.StructType():
            return f"an object with {', '.join(field.encode_name for field in wanted.fields)}"
    return "an object"
