"""Triggers and mappings as JSON instructions, for the interpreter in ``browser/src``.

A page's content security policy forbids to make code of text, and Segment's mapping kit is too large for a page. So the
server reads FQL and mapping JSON, and the browser gets what is left to do. An instruction is a constant that is no list
and no object, or a list of an operation's name and its operands; `rules.directives` says what each operation means.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from tockwork.model.errors import Problem
from tockwork.rules import path, template
from tockwork.rules.directives import unwrapped
from tockwork.rules.expressions import is_constant, only
from tockwork.rules.fields import Field
from tockwork.rules.fql import NESTED, Condition, Node
from tockwork.rules.javascript import ScriptError, number, text_of, truthy, units
from tockwork.rules.validation import MAX_PATTERN, MAX_REPLACEMENT, below, is_directive, problems

Instruction: TypeAlias = Any

NOTHING: Final = ["nothing"]
FAIL: Final = ["fail"]


def unfit(part: Any, where: str = "") -> Iterator[Problem]:
    """What a page cannot do of a mapping: ``@liquid``, each with its place."""
    if isinstance(part, dict):
        for key, member in part.items():
            if key == "@liquid" and is_directive(part):
                mend = "Use @template, @if, @case, @replace or @json; @liquid works in destinations of the server."
                yield Problem(where, "@liquid does not run in a browser", mend)
            else:
                yield from unfit(member, below(where, str(key)))
    elif isinstance(part, list):
        for position, item in enumerate(part):
            yield from unfit(item, f"{where}[{position}]")


# --- triggers --------------------------------------------------------------------------------------------------------

_MEMBERS: Final = {"event-type": "type"}
_NUMERIC: Final = ("number_equals", "number_not_equals", "<", "<=", ">", ">=")
_VALUELESS: Final = ("exists", "not_exists", "is_true", "is_false")


def trigger(node: Node) -> Instruction:
    """The instruction for a trigger's conditions: ``["and", …]``, ``["or", …]`` or ``[operator, path, value]``."""
    if not isinstance(node, Condition):
        return [node.operator, *map(trigger, node.children)]
    if node.kind == "broken":
        return FAIL
    if node.kind in NESTED:
        segments = [NESTED[node.kind], *re.findall(r"[^\[.\]]+", node.name)] if node.name else None
    else:
        segments = [_MEMBERS.get(node.kind, node.kind)]
    if node.operator in _VALUELESS:
        return [node.operator, segments]
    if node.operator in _NUMERIC:
        expected = number(node.value)
        return [node.operator, segments, expected if math.isfinite(expected) else text_of(expected)]
    return [node.operator, segments, text_of(node.value)]


# --- mappings --------------------------------------------------------------------------------------------------------


def mapping(part: Any) -> Instruction:
    """The instruction for a mapping, or for any part of one."""
    if is_directive(part):
        name, options = only(part)
        compiler = _DIRECTIVES.get(name)
        return compiler(options) if compiler else FAIL
    if is_constant(part):
        return ["const", _bare(part)] if isinstance(part, dict | list) else part
    if isinstance(part, dict):
        return ["object", {key: mapping(value) for key, value in part.items()}]
    return ["list", *map(mapping, part)]


def _bare(constant: Any) -> Any:
    """A constant as JavaScript copies it: by assignment, which loses a member named ``__proto__``."""
    if isinstance(constant, dict):
        return {key: _bare(value) for key, value in constant.items() if key != "__proto__"}
    return list(map(_bare, constant)) if isinstance(constant, list) else constant


def _if(options: dict[str, Any]) -> Instruction:
    if not truthy(options.get("exists")) and not truthy(options.get("blank")):
        return FAIL
    tested = "blank" if "exists" not in options else "exists"
    then = mapping(options["then"]) if "then" in options else NOTHING
    other = mapping(options["else"]) if truthy(options.get("else")) else NOTHING
    return [tested, mapping(options[tested]), then, other]


def _case(options: dict[str, Any]) -> Instruction:
    operator = options.get("operator")
    if not truthy(operator):
        return FAIL
    if not truthy(options.get("value")):
        return NOTHING
    return ["case", mapping(options["value"]), operator if operator in ("lower", "upper") else None]


def _replace(options: dict[str, Any]) -> Instruction:
    if not truthy(options.get("pattern")):
        return FAIL
    if not truthy(options.get("value")):
        return NOTHING
    given = {key: value for key, value in options.items() if value is not None}
    rounds = [[options["pattern"], given.get("replacement", "")]]
    flags = [given.get("ignorecase", False), given.get("global", True)]
    if not (all(isinstance(part, str) for part in rounds[0]) and all(isinstance(flag, bool) for flag in flags)):
        return ["replace", mapping(options["value"]), "", None]
    second = [given.get("pattern2"), given.get("replacement2", "")]
    if truthy(second[0]) and all(isinstance(part, str) for part in second):
        rounds.append(second)
    longest = (MAX_PATTERN, MAX_REPLACEMENT)
    fits = [all(len(units(text)) <= most for text, most in zip(one, longest, strict=True)) for one in rounds]
    signs = ("i" if flags[0] else "") + ("g" if flags[1] else "")
    made = [["", one[1]] if not fit else one for one, fit in zip(rounds, fits, strict=True)]
    return ["replace", mapping(options["value"]), signs, made]


def _array_path(data: Any) -> Instruction:
    if not isinstance(data, list):
        return FAIL
    root = data[0] if data else None
    find = ["path", *path.segments(root)] if isinstance(root, str) else mapping(root) if data else NOTHING
    if len(data) < 2 or not isinstance(data[1], dict) or not data[1]:
        return find
    return ["each", find, mapping(data[1])]


def _flatten(options: dict[str, Any]) -> Instruction:
    if not truthy(options.get("separator")):
        return FAIL
    find = mapping(options["value"]) if "value" in options else NOTHING
    return ["flatten", find, mapping(options["separator"]), truthy(options.get("omitArrays"))]


def _json(options: dict[str, Any]) -> Instruction:
    if not truthy(options.get("mode")) or not truthy(options.get("value")):
        return FAIL
    operation = {"encode": "encode", "decode": "decode"}.get(str(options["mode"]), "drop")
    return [operation, mapping(options["value"])]


def _merge(options: dict[str, Any]) -> Instruction:
    if not truthy(options.get("direction")) or not isinstance(options.get("objects"), list):
        return FAIL
    return ["merge", mapping(options["direction"]), *map(mapping, options["objects"])]


def _transform(options: dict[str, Any]) -> Instruction:
    if not truthy(options.get("mapping")) or not isinstance(options.get("apply"), dict):
        return FAIL
    try:
        apply = unwrapped(options["apply"])
    except ScriptError:
        return FAIL
    return FAIL if problems(apply) else ["transform", mapping(apply), mapping(options["mapping"])]


def _path(value: Any) -> Instruction:
    return ["path", *path.segments(value)] if isinstance(value, str) else ["pathOf", mapping(value)]


def _template(value: Any) -> Instruction:
    if not isinstance(value, str):
        return ["templateOf", mapping(value)]
    parts = template.pieces(value)
    return ["templateOf", value] if parts is None else ["template", *parts]


def _object(compiler: Any) -> Any:
    """Options that are no object fail when an event comes along."""
    return lambda options: compiler(options) if isinstance(options, dict) else FAIL


_DIRECTIVES: Final[dict[str, Any]] = {
    "@if": _object(_if),
    "@case": _object(_case),
    "@replace": _object(_replace),
    "@arrayPath": _array_path,
    "@path": _path,
    "@template": _template,
    "@literal": mapping,
    "@flatten": _object(_flatten),
    "@json": _object(_json),
    "@merge": _object(_merge),
    "@transform": _object(_transform),
    "@excludeWhenNull": lambda value: ["withoutNulls", mapping(value)],
}


_SAFE: Final = ("const", "path", "nothing", "exists", "each", "object", "list")
_UNREADABLE: Final = {"caller", "arguments"}
"""Members that JavaScript does not let be read of a function."""


def can_fail(instruction: Instruction) -> bool:
    """Whether some event makes the instruction fail, which makes the whole mapping fail."""
    if not isinstance(instruction, list) or instruction[0] == "const":
        return False
    if instruction[0] not in _SAFE:
        return True
    if instruction[0] == "path":
        return not _UNREADABLE.isdisjoint(instruction[1:])
    operands = instruction[1].values() if instruction[0] == "object" else instruction[1:]
    return any(map(can_fail, operands))


# --- fields ----------------------------------------------------------------------------------------------------------


def field(declared: Field) -> dict[str, Any]:
    """What coercion needs to know of a field; what is usual is left out."""
    said = {
        "key": declared.key,
        "slot": declared.name if declared.name != declared.key else None,
        "type": declared.type if declared.type != "string" else None,
        "multiple": declared.multiple or None,
        "required": declared.required if isinstance(declared.required, bool) else declared.required.fields,
        "choices": declared.choices or None,
        "when": declared.depends_on and declared.depends_on.fields,
        "lenient": declared.lenient or None,
        "parts": [field(part) for part in declared.properties] or None,
    }
    return {key: value for key, value in said.items() if value is not None and value is not False}


def needed(fields: Sequence[Field], written: Mapping[str, Any]) -> list[Field]:
    """The fields that a mapping can fill or must, without those that its own constants rule out."""
    known = {one.key: written.get(one.key) or None for one in fields}
    ruled_out = {key for key, value in known.items() if isinstance(value, str | None)}

    def possible(one: Field) -> bool:
        asked = one.depends_on.fields.items() if one.depends_on else ()
        return all(key not in ruled_out or known[key] in allowed for key, allowed in asked)

    return [one for one in fields if (one.key in written or one.required) and possible(one)]
