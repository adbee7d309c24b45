"""What is wrong with a mapping before it meets an event.

A mapping is refused exactly when `validate` of npm's @segment/actions-core 3.170 refuses it, plus what cannot come out
of Segment: values that are not JSON, and nesting beyond `MAX_LEVELS`. All problems are found at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, Final, TypeAlias

import msgspec

from tockwork.model.errors import Problem
from tockwork.rules.javascript import real_type, units

MAX_LEVELS: Final = 100
MAX_PATTERN: Final = 10  # of @replace, in UTF-16 units
MAX_REPLACEMENT: Final = 10

Check: TypeAlias = Callable[[Any, str], Iterator[Problem]]


def problems(mapping: Any) -> tuple[Problem, ...]:
    """Everything that is wrong with a mapping, each with its place, such as ``fields.value.@if.then``."""
    found = list(_foreign(mapping)) or list(_value(mapping, ""))
    return tuple(dict.fromkeys(found))  # a place that two rules look at is reported once


def below(where: str, key: str) -> str:
    """The place of member `key` under the place `where`."""
    return f"{where}.{key}" if where else key


def is_directive(value: Any) -> bool:
    """Whether `value` is run as a directive: it has @-keys and nothing else but ``_metadata``."""
    return (
        isinstance(value, dict)
        and any(key.startswith("@") for key in value)
        and all(key.startswith("@") or key == "_metadata" for key in value)
    )


def _foreign(mapping: Any) -> Iterator[Problem]:
    waiting = [(mapping, "", 1)]
    while waiting:
        value, where, level = waiting.pop()
        if level > MAX_LEVELS and isinstance(value, (dict, list)):
            yield Problem("", f"it is nested deeper than {MAX_LEVELS} levels", "Make it flatter.")
            return
        if isinstance(value, dict):
            for key, member in value.items():
                if isinstance(key, str):
                    waiting.append((member, below(where, key), level + 1))
                else:
                    yield Problem(where, f"a key is a {type(key).__name__}, not a text", "Put it between quotes.")
        elif isinstance(value, list):
            waiting.extend((item, f"{where}[{position}]", level + 1) for position, item in enumerate(value))
        elif value is not None and not isinstance(value, (str, bool, int, float)):
            yield Problem(where, f"a {type(value).__name__} is no JSON value", "Put it between quotes.")


def _kind(value: Any) -> str:
    if isinstance(value, dict) and any(key.startswith("@") for key in value):
        return "directive"
    return real_type(value)


def _expected(wanted: str, value: Any, where: str) -> Problem:
    return Problem(where, f"expected {wanted}, found {_named(_kind(value))}")


def _named(kind: str) -> str:
    if kind in ("null", "undefined"):
        return "null" if kind == "null" else "nothing"
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


# --- values ----------------------------------------------------------------------------------------------------------


def _value(value: Any, where: str) -> Iterator[Problem]:
    """Any mapping: directives and objects are looked into, lists and scalars are not."""
    kind = _kind(value)
    if kind == "directive":
        yield from _directive(value, where)
    elif kind == "object":
        yield from _object(value, where)


def _object(value: Any, where: str) -> Iterator[Problem]:
    if _kind(value) != "object":
        yield _expected("an object", value, where)
        return
    for key, member in value.items():
        yield from _value(member, below(where, key))


def _directive(value: dict[str, Any], where: str) -> Iterator[Problem]:
    names = [key for key in value if key.startswith("@")]
    if len(names) > 1:
        yield Problem(where, f"a directive has one @-key, found {' and '.join(names)}", "Keep one of them.")
    elif any(key != "_metadata" for key in value if key not in names):
        yield Problem(where, f"{names[0]} stands beside other keys", "Move them out of the directive.")
    elif names[0] not in _DIRECTIVES:
        close = get_close_matches(names[0], _DIRECTIVES, 1)
        mend = f"Did you mean {close[0]}?" if close else f"Directives are {', '.join(_DIRECTIVES)}."
        yield Problem(where, f"{names[0]} is no directive", mend)
    else:
        yield from _DIRECTIVES[names[0]](value[names[0]], below(where, names[0]))


def _of(wanted: str, *kinds: str) -> Check:
    def check(value: Any, where: str) -> Iterator[Problem]:
        if _kind(value) not in kinds:
            yield _expected(wanted, value, where)

    return check


def _deep(check: Check) -> Check:
    """`check`, and then what is wrong further down."""

    def check_all(value: Any, where: str) -> Iterator[Problem]:
        yield from check(value, where)
        yield from _value(value, where)

    return check_all


_string = _of("a string", "string")
_boolean = _of("true or false", "boolean")
_array = _of("a list", "array")
_text = _of("a string or a directive", "string", "directive")
_mapping = _of("an object or a directive", "object", "directive")


def _anything(value: Any, where: str) -> Iterator[Problem]:
    yield from ()


def _literal(value: Any, where: str) -> Iterator[Problem]:
    """Any value; of objects and lists, nothing is looked at."""
    if _kind(value) == "directive":
        yield from _directive(value, where)


def _string_of(least: int, most: int) -> Check:
    def check(value: Any, where: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield from _string(value, where)
        elif not least <= len(units(value)) <= most:
            yield Problem(where, f"expected {least} to {most} characters, found {len(units(value))}")

    return check


def _one_of(*allowed: str) -> Check:
    def check(value: Any, where: str) -> Iterator[Problem]:
        if not isinstance(value, str):
            yield from _string(value, where)
        elif value.lower() not in allowed:
            yield Problem(where, f"expected {' or '.join(allowed)}, found {value!r}")

    return check


# --- directives ------------------------------------------------------------------------------------------------------


class _Member(msgspec.Struct, frozen=True):
    check: Check
    required: bool = False


def _members(**members: _Member) -> Check:
    """A check of a directive's options. What is further down in them is looked at once, whatever the member."""

    def check(value: Any, where: str) -> Iterator[Problem]:
        yield from _object(value, where)
        if _kind(value) != "object":
            return
        for key, member in members.items():
            if key in value:
                yield from member.check(value[key], below(where, key))
            elif member.required:
                yield Problem(where, f"{key!r} is missing")

    return check


def _array_path(value: Any, where: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield from _array(value, where)
        return
    if value:
        yield from _deep(_text)(value[0], f"{where}[0]")
    else:
        yield Problem(where, "expected a path, found an empty list")
    if len(value) > 1:
        yield from _value(value[1], f"{where}[1]")


_merge_members = _members(direction=_Member(_one_of("left", "right")), objects=_Member(_array, required=True))


def _merge(value: Any, where: str) -> Iterator[Problem]:
    yield from _merge_members(value, where)
    objects = value.get("objects") if isinstance(value, dict) else None
    for position, item in enumerate(objects if isinstance(objects, list) else []):
        yield from _deep(_mapping)(item, f"{where}.objects[{position}]")


_DIRECTIVES: Final[dict[str, Check]] = {
    "@if": _members(exists=_Member(_anything), then=_Member(_anything), **{"else": _Member(_anything)}),
    "@case": _members(operator=_Member(_string), value=_Member(_text)),
    "@replace": _members(
        pattern=_Member(_string_of(1, MAX_PATTERN), required=True),
        replacement=_Member(_string_of(0, MAX_REPLACEMENT)),
        value=_Member(_text, required=True),
        ignorecase=_Member(_boolean),
        **{"global": _Member(_boolean)},
    ),
    "@arrayPath": _array_path,
    "@path": _deep(_text),
    "@json": _members(
        value=_Member(_anything, required=True), mode=_Member(_one_of("encode", "decode"), required=True)
    ),
    "@flatten": _members(separator=_Member(_string), value=_Member(_anything, required=True)),
    "@merge": _merge,
    "@template": _deep(_text),
    "@literal": _literal,
    "@transform": _members(apply=_Member(_mapping, required=True), mapping=_Member(_mapping, required=True)),
    "@excludeWhenNull": _literal,
    "@liquid": _string,
}
