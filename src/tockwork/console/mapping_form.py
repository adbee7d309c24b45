"""A form of a mapping: from directives to inputs, and back. Whatever has no input of its own is shown as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar.datastructures import FormMultiDict

from tockwork.console import trigger_form

KINDS: Final = {
    "none": "Not sent",
    "default": "As usual",
    "path": "From the event",
    "literal": "Always the same",
    "template": "A text with values of the event",
    "if": "If … is there, else …",
    "parts": "Part by part",
    "list": "For each item of a list",
    "json": "JSON",
}
"""Ways to fill a field, in the words of the form."""
_ROOT: Final = "$."


class Input(msgspec.Struct, kw_only=True):
    """One field of the form. `values` are what its inputs hold, by their names without the field's: ``v``, ``e``,
    ``t``, ``o``, ``l``, and ``p.price`` for a part. `words` say what its value is, where no input shows it."""

    field: dict[str, Any]
    parts: list[dict[str, Any]]
    kind: str
    values: dict[str, str]
    kinds: list[tuple[str, str]]
    words: str
    error: str = ""

    @property
    def key(self) -> str:
        return str(self.field["key"])

    @property
    def sent(self) -> bool:
        return self.kind != "none"


class Section(msgspec.Struct):
    """Fields that stand together; `open` is whether one sees them at once."""

    key: str
    title: str
    inputs: list[Input]
    open: bool


# --- from directives to inputs ---------------------------------------------------------------------------------------


def inputs(action: Mapping[str, Any], fields: Mapping[str, Any]) -> list[Input]:
    """The action's fields, with what a mapping has for them."""
    return [
        made(field, parts_of(action, field), fields.get(field["key"]), field["key"] in fields)
        for field in action["fields"]
        if not field["part_of"]
    ]


def made(field: dict[str, Any], parts: list[dict[str, Any]], value: Any, there: bool) -> Input:
    kind, values = _apart(field, parts, value) if there and value is not None else ("none", {})
    return _input(field, parts, kind, values, value)


def _input(field: dict[str, Any], parts: list[dict[str, Any]], kind: str, values: dict[str, str], value: Any) -> Input:
    known = ["none", *(["default"] if field["default"] is not None else [])]
    if parts:
        known += ["list"] if field["multiple"] else ["parts"]
    else:
        known += ["path", "literal", "template", "if"]
    kinds = [(one, KINDS[one]) for one in [*known, "json"]]
    return Input(field=field, parts=parts, kind=kind, values=values, kinds=kinds, words=words(value))


def parts_of(action: Mapping[str, Any], field: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [part for part in action["fields"] if part["part_of"] == field["key"]]


def sections(all_: Sequence[Input], naming: str) -> list[Section]:
    """The fields in groups: what a mapping needs first, what it rarely sends last."""
    found: dict[str, list[Input]] = {key: [] for key in ("first", "event", "person", "rest", "some")}
    for one in all_:
        field = one.field
        if one.key == naming or field["required"]:
            key = "first"
        elif field["shown"]:
            key = "some"
        elif field["personal"] or field["hashed"]:
            key = "person"
        else:
            key = "event" if one.sent else "rest"
        found[key].append(one)
    titles = {
        "first": "Event name",
        "event": "What is sent of the event",
        "person": "Who it was",
        "rest": "Not sent so far",
        "some": "For some events only",
    }
    return [
        Section(key, titles[key], some, key in ("first", "event") or any(one.error for one in some))
        for key, some in found.items()
        if some
    ]


def _apart(field: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], value: Any) -> tuple[str, dict[str, str]]:
    """The kind that shows a value, and its inputs."""
    if field["default"] is not None and value == field["default"]:
        return "default", {}
    keys = {part["key"] for part in parts}
    match value:
        case {"@path": str(path)} if len(value) == 1 and not parts:
            return "path", {"v": path}
        case {"@literal": str() | int() | float() | bool() as constant} if len(value) == 1 and not parts:
            return "literal", {"v": _plain(constant)}
        case str() | bool() | int() | float() if not parts:
            return "literal", {"v": _plain(value)}
        case {"@template": str(text)} if len(value) == 1 and not parts:
            return "template", {"v": text}
        case {"@if": {"exists": {"@path": str(path)}, "then": then, **rest}} if not parts and len(value) == 1:
            other = rest.get("else")
            if set(rest) <= {"else"} and _is_simple(then) and (other is None or _is_simple(other)):
                return "if", {"e": path, "t": _simple(then), "o": "" if other is None else _simple(other)}
        case {"@arrayPath": [str(path), dict(item)]} if len(value) == 1 and parts and field["multiple"]:
            if set(item) <= keys:
                return "list", {"l": path, **{f"p.{key}": _part(one) for key, one in item.items()}}
        case dict() if parts and not field["multiple"] and set(value) <= keys:
            return "parts", {f"p.{key}": _part(one) for key, one in value.items()}
    return "json", {"v": pretty(value)}


def _is_simple(value: Any) -> bool:
    if isinstance(value, str):
        return not value.startswith((_ROOT, "{", "["))
    return isinstance(value, dict) and list(value) == ["@path"] and str(value["@path"]).startswith(_ROOT)


def _simple(value: Any) -> str:
    return value if isinstance(value, str) else str(value["@path"])


def _part(value: Any) -> str:
    return _simple(value) if _is_simple(value) else compact(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else compact(value)


def pretty(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def compact(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def words(value: Any) -> str:
    """What a mapping's value is, in words."""
    match value:
        case None:
            return "nothing"
        case str():
            return f"“{value}”"
        case bool() | int() | float():
            return compact(value)
        case {"@path": str(path)} if len(value) == 1:
            return path
        case {"@template": str(text)} if len(value) == 1:
            return f"the text {text}"
        case {"@literal": constant} if len(value) == 1:
            return words(constant)
        case {"@if": {"exists": tested, "then": then, "else": other}} if tested == then and len(value) == 1:
            places = [words(then), *_others(other)]
            return f"the first that is there of {', '.join(places)}"
        case {"@if": {"blank": _, "then": then, "else": other}} if len(value) == 1:
            return f"the first that is filled of {', '.join([words(then), *_others(other)])}"
        case {"@arrayPath": [str(path), dict(item)]} if len(value) == 1:
            return f"for each item at {path}: {', '.join(f'{key} from {words(one)}' for key, one in item.items())}"
        case dict() if not any(key.startswith("@") for key in value):
            return "; ".join(f"{key}: {words(one)}" for key, one in value.items())
    return compact(value)


def _others(value: Any) -> Iterator[str]:
    match value:
        case {"@if": {"then": then, "else": other}} if len(value) == 1:
            yield words(then)
            yield from _others(other)
        case _:
            yield words(value)


# --- and back --------------------------------------------------------------------------------------------------------


def typed_input(action: Mapping[str, Any], field: dict[str, Any], form: FormMultiDict) -> Input:
    """One field as it was typed. What was typed for another kind stays where it fits."""
    key = field["key"]
    kind = _text(form, f"k:{key}") or "none"
    values = {name.partition(":")[0]: str(value) for name, value in form.multi_items() if name.endswith(f":{key}")}
    parts = parts_of(action, field)
    for part in parts:
        values[f"p.{part['key']}"] = _text(form, f"p:{key}.{part['key']}")
    value = field["default"] if kind == "default" else None
    return _input(field, parts, kind, values, value)


def read(action: Mapping[str, Any], form: FormMultiDict, errors: dict[str, str]) -> dict[str, Any]:
    """The mapping's fields as they were typed. What cannot be read goes to `errors`, by its place."""
    found: dict[str, Any] = {}
    for field in action["fields"]:
        if not field["part_of"] and f"k:{field['key']}" in form:
            one = typed_input(action, field, form)
            value = _together(one, errors)
            if value is not None:
                found[one.key] = value
    extra = _json(_text(form, "extra") or "{}", "", errors)
    return {**found, **(extra if isinstance(extra, dict) else {})}


def _together(one: Input, errors: dict[str, str]) -> Any:
    """The directive that the inputs make; None for nothing."""
    values, where = one.values, f"fields.{one.key}"
    text = values.get("v", "").strip()
    match one.kind:
        case "default":
            return one.field["default"]
        case "path" if text:
            return {"@path": text}
        case "literal" if text:
            return _typed(text, one.field["type"])
        case "template" if text:
            return {"@template": text}
        case "if":
            return _condition(values, where, errors)
        case "parts":
            return _parts(one, where, errors) or None
        case "list":
            path = values.get("l", "").strip()
            if not path:
                errors[where] = "Name the list, such as $.properties.products."
            return {"@arrayPath": [path, _parts(one, where, errors)]}
        case "json" if text:
            return _json(text, where, errors)
    return None


def _condition(values: Mapping[str, str], where: str, errors: dict[str, str]) -> Any:
    exists, then, other = (values.get(name, "").strip() for name in ("e", "t", "o"))
    if not exists.startswith(_ROOT):
        errors[where] = "Name what must be there by its path, such as $.properties.value."
        return None
    branches: dict[str, Any] = {"exists": {"@path": exists}, "then": _directive(then or exists)}
    if other:
        branches["else"] = _directive(other)
    return {"@if": branches}


def _parts(one: Input, where: str, errors: dict[str, str]) -> dict[str, Any]:
    found = {}
    for part in one.parts:
        text = one.values.get(f"p.{part['key']}", "").strip()
        if text.startswith(("{", "[")):
            found[part["key"]] = _json(text, where, errors)
        elif text:
            found[part["key"]] = {"@path": text} if text.startswith(_ROOT) else _typed(text, part["type"])
    return found


def _directive(text: str) -> Any:
    return {"@path": text} if text.startswith(_ROOT) else text


def _typed(text: str, kind: str) -> Any:
    """A constant as the field's type wants it, as far as it can be read so."""
    if kind == "boolean" and text in ("true", "false"):
        return text == "true"
    if kind in ("number", "integer"):
        try:
            number = float(text)
        except ValueError:
            return text
        return int(number) if number.is_integer() and abs(number) < 2**53 else number if number - number == 0 else text
    return text


def _json(text: str, where: str, errors: dict[str, str]) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        said = str(error) if isinstance(error, msgspec.DecodeError) else "it is nested too deep"
        errors[where] = f"This is no JSON: {said}."
        return None


def _text(form: FormMultiDict, name: str) -> str:
    return str(form.get(name, ""))


class Typed(msgspec.Struct):
    """What was typed into the whole form: the mapping as the API takes it, and what cannot be read, by its place."""

    mapping: dict[str, Any]
    errors: dict[str, str]
    as_json: bool = False


def mapping(action: Mapping[str, Any], form: FormMultiDict, trigger: str, *, view: bool = True) -> Typed:
    """The mapping in a form; the JSON view counts where it was edited, unless `view` is false."""
    errors: dict[str, str] = {}
    text = _text(form, "json")
    if view and text.replace("\r\n", "\n") != _text(form, "json_was").replace("\r\n", "\n"):
        given = _json(text, "json", errors)
        if not isinstance(given, dict):
            errors.setdefault("json", "A mapping is an object with name, trigger, action, fields and enabled.")
            given = {}
        return Typed({"name": _text(form, "name"), "trigger": trigger, **given}, errors, as_json=True)
    return Typed(
        {
            "name": _text(form, "name").strip(),
            "trigger": trigger,
            "action": action["key"],
            "fields": read(action, form, errors),
            "enabled": form.get("enabled") == "true",
        },
        errors,
    )


def start(action: Mapping[str, Any]) -> dict[str, Any]:
    """A new mapping: every field as it usually is."""
    fields = {
        field["key"]: field["default"]
        for field in action["fields"]
        if not field["part_of"] and field["default"] is not None
    }
    if action["naming"]:
        fields[action["naming"]] = ""
    return {"name": "", "trigger": trigger_form.START, "action": action["key"], "fields": fields, "enabled": True}
