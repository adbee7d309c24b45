"""What each directive does, compiled into functions of the event.

The behaviour is that of the mapping kit in npm's @segment/actions-core 3.170. A compiled mapping is a `Resolver`: it
takes what paths are read from (the event, an item of a list, or what ``@transform`` made) and returns a JavaScript
value, `UNDEFINED` included. What JavaScript would throw is a `ScriptError`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

from tockwork.rules import liquid, path
from tockwork.rules.javascript import (
    UNDEFINED,
    ScriptError,
    entries,
    equals_empty,
    real_type,
    text_of,
    truthy,
    units,
)
from tockwork.rules.notation import parse_json, stringify
from tockwork.rules.objects import Variables, defined, flat, without_nulls
from tockwork.rules.replacement import replace
from tockwork.rules.template import Template, render
from tockwork.rules.validation import is_directive, problems

Resolver: TypeAlias = Callable[[Any], Any]
Compiler: TypeAlias = Callable[[Any], Resolver]

ROOT: Final = "__segment_internal_directive"
MAX_LIQUID: Final = 1000  # UTF-16 units of a liquid template


class Constant:
    """A resolver whose value no event changes."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __call__(self, payload: Any) -> Any:
        return self.value


NOTHING: Final = Constant(UNDEFINED)


class Failing:
    """A resolver that fails on every event, because Segment sees what is wrong with it no earlier."""

    __slots__ = ("message",)

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, payload: Any) -> NoReturn:
        raise ScriptError(self.message)


def compile_mapping(mapping: Any) -> Resolver:
    """The resolver of a mapping or of any part of one."""
    if is_directive(mapping):
        name = next(key for key in mapping if key.startswith("@"))
        compiler = DIRECTIVES.get(name)
        return compiler(mapping[name]) if compiler else Failing(f"{name} is no directive")
    if isinstance(mapping, dict):
        return _object({key: compile_mapping(value) for key, value in mapping.items()})
    if isinstance(mapping, list):
        return _list([compile_mapping(item) for item in mapping])
    return Constant(mapping)


def unwrapped(mapping: dict[str, Any]) -> dict[str, Any]:
    """A mapping whose root is a directive (under the key `ROOT`), with its fields put inside that directive.

    Raises `ScriptError` for a root that is not one directive.
    """
    if ROOT not in mapping:
        return mapping
    members = list(entries(mapping[ROOT]))
    if len(members) != 1 or not isinstance(members[0][1], (dict, list)):
        raise ScriptError(f"{ROOT} must hold one directive, which is an object")
    key, directive = members[0]
    if isinstance(directive, list):
        return mapping[ROOT]  # type: ignore[no-any-return]
    fields = {key: value for key, value in mapping.items() if key not in (ROOT, "__proto__")}
    filled = {**directive, "mapping": fields}
    return {key: filled} if isinstance(mapping[ROOT], dict) else [filled]  # type: ignore[return-value]


def _object(members: dict[str, Resolver]) -> Resolver:
    if all(isinstance(member, Constant) for member in members.values()):
        return Constant({key: member(None) for key, member in members.items() if key != "__proto__"})

    def resolve(payload: Any) -> Any:
        resolved = {}
        for key, member in members.items():
            try:
                resolved[key] = member(payload)
            except ScriptError as error:
                raise error.within(key) from None
        resolved.pop("__proto__", None)
        return resolved

    return resolve


def _list(items: list[Resolver]) -> Resolver:
    if all(isinstance(item, Constant) for item in items):
        return Constant([item(None) for item in items])
    return lambda payload: [item(payload) for item in items]


def _options(compiler: Compiler, name: str) -> Compiler:
    """Refuse options that are no object, when an event comes along: Segment does it no earlier."""
    return lambda options: compiler(options) if isinstance(options, dict) else Failing(f"{name} needs an object")


# --- directives ------------------------------------------------------------------------------------------------------


def _of_string(name: str, dynamic: Callable[[str, Any], Any], static: Callable[[str], Resolver]) -> Compiler:
    """A directive that takes a string, or a directive that gives one."""

    def compile_string(value: Any) -> Resolver:
        if isinstance(value, str):
            return static(value)
        resolver = compile_mapping(value)

        def resolve(payload: Any) -> Any:
            text = resolver(payload)
            if not isinstance(text, str):
                raise ScriptError(f"{name} needs a string, found {real_type(text)}")
            return dynamic(text, payload)

        return resolve

    return compile_string


def _if(options: dict[str, Any]) -> Resolver:
    if not truthy(options.get("exists")) and not truthy(options.get("blank")):
        return Failing("@if needs 'exists' or 'blank'")
    by_blank = "exists" not in options
    tested = compile_mapping(options["blank" if by_blank else "exists"])
    then = compile_mapping(options["then"]) if "then" in options else NOTHING
    other = compile_mapping(options["else"]) if truthy(options.get("else")) else NOTHING

    def resolve(payload: Any) -> Any:
        value = tested(payload)
        holds = value is not None and value is not UNDEFINED and not (by_blank and equals_empty(value))
        return then(payload) if holds else other(payload)

    return resolve


def _case(options: dict[str, Any]) -> Resolver:
    operator = options.get("operator")
    if not truthy(operator):
        return Failing("@case needs an 'operator'")
    if not truthy(options.get("value")):
        return NOTHING
    resolver = compile_mapping(options["value"])
    convert = {"lower": str.lower, "upper": str.upper}.get(operator) if isinstance(operator, str) else None

    def resolve(payload: Any) -> Any:
        value = resolver(payload)
        if not isinstance(value, str):
            return value
        if convert is None:
            raise ScriptError("@case has an 'operator' that is neither lower nor upper")
        return convert(value)

    return resolve


def _replace(options: dict[str, Any]) -> Resolver:
    if not truthy(options.get("pattern")):
        return Failing("@replace needs a 'pattern'")
    if not truthy(options.get("value")):
        return NOTHING
    resolver = compile_mapping(options["value"])
    given = {key: value for key, value in options.items() if value is not None}
    once, ignoring = not given.get("global", True), given.get("ignorecase", False)
    rounds = [(options["pattern"], given.get("replacement", ""))]
    applies = all(isinstance(part, str) for part in rounds[0]) and all(
        isinstance(given.get(key, False), bool) for key in ("global", "ignorecase")
    )
    second = (given.get("pattern2"), given.get("replacement2", ""))
    if truthy(second[0]) and all(isinstance(part, str) for part in second):
        rounds.append(second)

    def resolve(payload: Any) -> Any:
        value = resolver(payload)
        if isinstance(value, (bool, int, float)):
            value = text_of(value)
        if not isinstance(value, str) or not applies:
            return ""
        for pattern, replacement in rounds:
            value = replace(value, pattern, replacement, once=once, ignoring_case=ignoring)
        return value

    return resolve


def _array_path(data: Any) -> Resolver:
    if not isinstance(data, list):
        return Failing(f"@arrayPath needs a list, found {real_type(data)}")
    root = data[0] if data else UNDEFINED
    find = path.getter(root) if isinstance(root, str) else compile_mapping(root)
    if len(data) < 2 or not isinstance(data[1], dict) or not data[1]:
        return find
    shape = compile_mapping(data[1])

    def resolve(payload: Any) -> Any:
        found = find(payload)
        if isinstance(found, list):
            return [shape(item) for item in found]
        if real_type(found) == "object":
            return [shape(found)]
        return [] if real_type(found) == "array" else found

    return resolve


def _flatten(options: dict[str, Any]) -> Resolver:
    if not truthy(options.get("separator")):
        return Failing("@flatten needs a 'separator'")
    separate = compile_mapping(options["separator"])
    find = compile_mapping(options["value"]) if "value" in options else NOTHING
    omits_lists = truthy(options.get("omitArrays"))

    def resolve(payload: Any) -> Any:
        separator = separate(payload)
        if not isinstance(separator, str):
            raise ScriptError(f"@flatten needs a string as 'separator', found {real_type(separator)}")
        return flat(find(payload), separator, omits_lists)

    return resolve


def _json(options: dict[str, Any]) -> Resolver:
    for key in ("mode", "value"):
        if not truthy(options.get(key)):
            return Failing(f"@json needs a {key!r}")
    find = compile_mapping(options["value"])
    if options["mode"] == "encode":
        return lambda payload: stringify(find(payload))
    return (lambda payload: _decoded(find(payload))) if options["mode"] == "decode" else _dropping(find)


def _dropping(find: Resolver) -> Resolver:
    def resolve(payload: Any) -> Any:
        find(payload)  # it may fail
        return UNDEFINED

    return resolve


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ScriptError:
        raise
    except ValueError:
        return value


def _merge(options: dict[str, Any]) -> Resolver:
    if not truthy(options.get("direction")):
        return Failing("@merge needs a 'direction'")
    if not isinstance(options.get("objects"), list):
        return Failing("@merge needs a list of 'objects'")
    direct = compile_mapping(options["direction"])
    sources = [compile_mapping(item) for item in options["objects"]]

    def resolve(payload: Any) -> Any:
        leftmost_wins = direct(payload) == "left"
        objects = [source(payload) for source in sources]
        merged: dict[str, Any] = {}
        for value in reversed(objects) if leftmost_wins else objects:
            merged.update(entries(value))
        merged.pop("__proto__", None)
        return merged

    return resolve


def _transform(options: dict[str, Any]) -> Resolver:
    for key in ("mapping", "apply"):
        if not truthy(options.get(key)):
            return Failing(f"@transform needs {key!r}")
    if not isinstance(options["apply"], dict):
        return Failing("@transform needs an object as 'apply'")
    try:
        apply = unwrapped(options["apply"])
    except ScriptError as error:
        return Failing(str(error))
    for problem in problems(apply):
        return Failing(f"@transform has a wrong 'apply': {problem}")
    first, second = compile_mapping(apply), compile_mapping(options["mapping"])

    def resolve(payload: Any) -> Any:
        if payload is UNDEFINED:
            payload = {}
        if real_type(payload) != "object":
            raise ScriptError(f"@transform needs an object to work on, found {real_type(payload)}")
        return second(defined(first(payload)))

    return resolve


def _exclude_when_null(value: Any) -> Resolver:
    resolver = compile_mapping(value)

    def resolve(payload: Any) -> Any:
        resolved = resolver(payload)
        return UNDEFINED if resolved is None else without_nulls(resolved)

    return resolve


def _liquid(text: Any) -> Resolver:
    if not isinstance(text, str):
        return Failing(f"@liquid needs a string, found {real_type(text)}")
    if not text:
        return Constant("")
    if len(units(text)) > MAX_LIQUID:
        return Failing(f"@liquid has a template longer than {MAX_LIQUID} characters")
    try:
        template = liquid.compile(text)
    except liquid.LiquidError as error:
        return Failing(f"@liquid: {error}")

    def resolve(payload: Any) -> Any:
        try:
            return template.render(Variables(payload))
        except liquid.LiquidError as error:
            raise ScriptError(f"@liquid: {error}") from None

    return resolve


DIRECTIVES: Final[dict[str, Compiler]] = {
    "@if": _options(_if, "@if"),
    "@case": _options(_case, "@case"),
    "@replace": _options(_replace, "@replace"),
    "@arrayPath": _array_path,
    "@path": _of_string("@path", lambda text, payload: path.get(payload, path.segments(text)), path.getter),
    "@template": _of_string("@template", render, lambda text: Template(text).render),
    "@literal": compile_mapping,
    "@flatten": _options(_flatten, "@flatten"),
    "@json": _options(_json, "@json"),
    "@merge": _options(_merge, "@merge"),
    "@transform": _options(_transform, "@transform"),
    "@excludeWhenNull": _exclude_when_null,
    "@liquid": _liquid,
}
