"""The reference page of one destination, made from its declaration: nothing in it is written twice.

A page holds prose of its own and generated parts. `SKELETON` is what a destination's page starts from. What holds for
all destinations stands on one page of its own, docs/reference/destinations.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.resources import files
from itertools import groupby
from typing import Any, Final

import msgspec
from docs.markdown import code, folded, json_block, steps, table

from tockwork.destinations.case import Case, CaseFile, Expectation, read_cases
from tockwork.destinations.declare import MAX_MAPPINGS, Destination, Preset, Setting
from tockwork.destinations.tiktok.rows import User
from tockwork.model.reasons import REASONS
from tockwork.rules.fields import Field

TIKTOK: Final = files("tockwork.destinations.tiktok")
CASES: Final = "../../src/tockwork/destinations/tiktok/cases"

SKELETON: Final = """# {title}

{help} Its kind is `{kind}`.

## What you need

<!-- generated: places -->
<!-- end -->

## Settings

<!-- generated: settings -->
<!-- end -->

## Presets

<!-- generated: packs -->
<!-- end -->

## Fields

<!-- generated: fields -->
<!-- end -->

## Match keys

<!-- generated: match-keys -->
<!-- end -->

What is done to each before it is sent, how TikTok recognises copies, how to test, and what to do about errors:
[what all destinations do](destinations.md).

## Limits

<!-- generated: limits -->
<!-- end -->

## What is not sent, and why

<!-- generated: refusals -->
<!-- end -->

## Cases

<!-- generated: cases -->
<!-- end -->
"""


def skeleton(destination: Destination) -> str:
    return SKELETON.format(title=destination.title, help=destination.help, kind=destination.key)


# Settings


def places(destination: Destination) -> str:
    """Where to get each setting, click by click."""
    parts = [
        f"**{setting.label}** (`{setting.key}`)\n\n{steps(setting.steps)}"
        for setting in destination.settings
        if setting.steps
    ]
    return "\n".join(parts)


def settings(destination: Destination) -> str:
    rows = []
    for setting in destination.settings:
        choices = ", ".join(map(code, setting.choices))
        kind = f"{setting.type}: {choices}" if choices else setting.type
        rows.append((code(setting.key), setting.label, kind, _setting_default(setting), setting.help))
    return table(("Key", "Label", "Type", "Default", "Meaning, and where to get it"), rows)


def _setting_default(setting: Setting) -> str:
    if setting.required:
        return "required"
    return "" if setting.default is None else code('""' if setting.default == "" else setting.default)


# Presets


def packs(destination: Destination) -> str:
    parts = []
    for name, presets in destination.packs.items():
        written = msgspec.json.decode(TIKTOK.joinpath("presets", f"{name}.json").read_bytes())
        default = " The default; also called `current`." if name == destination.default_pack else ""
        rows = (
            (p.name, code(p.trigger), _title(destination, p), default_in_words(p.fields.get("event")), _contents(p))
            for p in presets
        )
        parts.append(f"### `{name}`\n\n{written['help']}{default}\n\n")
        parts.append(table(("Preset", "Trigger", "Action", "TikTok event", "Contents from"), rows) + "\n")
    return "".join(parts)


def _title(destination: Destination, preset: Preset) -> str:
    action = destination.action(preset.action)
    return action.title if action else ""


def _contents(preset: Preset) -> str:
    contents = preset.fields.get("contents")
    if isinstance(contents, dict) and "@arrayPath" in contents:
        return code(contents["@arrayPath"][0])
    return default_in_words(contents)


# Fields


def fields(destination: Destination) -> str:
    """The fields of every action; once where neighbours share them."""
    parts: list[str] = []
    for members, actions in groupby(destination.actions, key=lambda action: action.fields):
        parts += (f"**{action.title}** (`{action.key}`). {action.help}\n\n" for action in actions)
        parts.append(_field_table(members, ""))
        for field in members:
            if field.properties:
                parts += [f"\n**Parts of `{field.key}`**\n\n", _field_table(field.properties, f"{field.key}.")]
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n"


def _field_table(members: Iterable[Field], prefix: str) -> str:
    rows = (
        (code(prefix + field.key), field.label, _type(field), default_in_words(field.default), _help(field))
        for field in members
    )
    return table(("Key", "Label", "Type", "Default", "Meaning"), rows)


def _type(field: Field) -> str:
    words = [f"list of {field.type}s" if field.multiple else field.type]
    if field.choices:
        words.append("one of " + ", ".join(map(code, field.choices)))
    if field.required is True:
        words.append("required")
    elif field.required:
        words.append(f"required when {field.required}")
    if field.hashed:
        words.append("hashed")
    return "; ".join(words)


def _help(field: Field) -> str:
    notes = [field.help]
    if field.depends_on:
        notes.append(f"Only when {field.depends_on}.")
    if field.implied_by:
        notes.append(f"Filled by itself wherever `{field.implied_by}` is mapped.")
    return " ".join(notes)


def default_in_words(directive: Any) -> str:
    """A default in words: ``$.a``, else ``$.b``. A directive of another kind as it is written."""
    if directive is None:
        return ""
    if isinstance(directive, dict):
        condition = directive.get("@if")
        if isinstance(condition, dict) and {"then", "else"} <= condition.keys():
            ways = ("else", "then") if "blank" in condition else ("then", "else")
            return ", else ".join(filter(None, (default_in_words(condition[way]) for way in ways)))
        if "@path" in directive:
            return code(directive["@path"])
    return code(directive)


# Match keys


def match_keys(destination: Destination) -> str:
    """The fields that lead TikTok to a person: those that end up in a row's ``user``."""
    rows = [
        (field.label, ", ".join(code(action) for action in actions), "SHA-256" if field.hashed else "as plain text")
        for field, actions in _persons(destination).values()
    ]
    return table(("Match key", "Field", "Sent"), rows)


def _persons(destination: Destination) -> dict[str, tuple[Field, list[str]]]:
    """By attribute of ``user``: a field, and its key at each action that has it."""
    found: dict[str, tuple[Field, list[str]]] = {}
    for action in destination.actions:
        for key, field in _leaves(action.fields):
            if field.name in User.__struct_fields__:
                keys = found.setdefault(field.name, (field, []))[1]
                keys += [key] if key not in keys else []
    return found


def _leaves(members: Iterable[Field], prefix: str = "") -> Iterator[tuple[str, Field]]:
    """The fields, and in place of the person's address its parts: a journey's city is no match key."""
    for field in members:
        if field.properties and field.personal:
            yield from _leaves(field.properties, f"{field.key}.")
        elif not field.properties:
            yield prefix + field.key, field


# Limits


def limits(destination: Destination) -> str:
    numbers = destination.limits
    rows = [
        ("Hours in which TikTok recognises a repeat", str(numbers.dedup_window_s // 3600)),
        ("Mappings in a destination", str(MAX_MAPPINGS)),
    ]
    if destination.device is None:
        rows += [
            ("Rows in a request", f"{numbers.rows:,}"),
            ("Bytes in a request (ours; TikTok documents none)", f"{numbers.bytes:,}"),
            ("Requests a second for each access token", f"{numbers.requests_per_second:,}"),
            ("Hours of retrying, from the first attempt", str(numbers.retry_for_s // 3600)),
        ]
    if numbers.upload_window_s is not None:
        rows.append(("Days until an event is too old", str(numbers.upload_window_s // 86_400)))
    return table(("Limit", "Value"), rows)


# Cases


def case_files(destination: Destination) -> Iterator[tuple[str, CaseFile]]:
    """The destination's files of cases, with their names."""
    for file in sorted(TIKTOK.joinpath("cases").iterdir(), key=lambda file: file.name):
        found = read_cases(file.read_bytes(), file.name)
        if found.destination == destination.key:
            yield file.name, found


def refusals(destination: Destination) -> str:
    """The reasons that the destination's cases meet, each with a case."""
    met: dict[str, tuple[str, str, str]] = {}
    for name, file in case_files(destination):
        for case in file.cases:
            for expected in case.expect:
                if isinstance(expected.reason, str):
                    met.setdefault(expected.reason, (expected.status, case.name, name))
    rows = (
        (code(f"{status}: {reason}"), REASONS[reason].meaning, REASONS[reason].mend, f"[{case}]({CASES}/{name})")
        for reason, (status, case, name) in sorted(met.items(), key=lambda one: list(REASONS).index(one[0]))
    )
    return table(("Outcome", "Meaning", "What to do", "A case"), rows)


def cases(destination: Destination) -> str:
    """One case of each file in full, the event and what becomes of it."""
    return "\n".join(folded(_summary(name, file), _worked(name, file)) for name, file in case_files(destination))


def _summary(name: str, file: CaseFile) -> str:
    return f"<b>{file.title}</b>: {file.doc} ({name})" if file.doc else f"<b>{file.title}</b> ({name})"


def _worked(name: str, file: CaseFile) -> str:
    case = max(file.cases, key=_telling)
    more = len(file.cases) - 1
    parts = [f"*{case.name}*. {case.doc}".strip(), json_block(case.event)]
    parts += [_became(expected) for expected in case.expect]
    parts.append(f"In [{name}]({CASES}/{name})" + (f", with {more} more." if more else "."))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _telling(case: Case) -> int:
    """How much a reader learns from a case: rows more than refusals, and full ones more than bare ones."""
    return sum(len(msgspec.json.encode(expected.row)) for expected in case.expect if expected.row is not msgspec.UNSET)


def _became(expected: Expectation) -> str:
    reason = f": {expected.reason}" if isinstance(expected.reason, str) else ""
    notes = [f"Becomes `{expected.status}{reason}`."]
    if not isinstance(expected.warnings, msgspec.UnsetType):
        notes += (f"Warning: {warning.rstrip('.')}." for warning in expected.warnings)
    row = "" if expected.row is msgspec.UNSET or expected.row is None else "\n\n" + json_block(expected.row)
    return " ".join(notes) + row


SECTIONS: Final[dict[str, Callable[[Destination], str]]] = {
    "cases": cases,
    "fields": fields,
    "limits": limits,
    "match-keys": match_keys,
    "packs": packs,
    "places": places,
    "refusals": refusals,
    "settings": settings,
}
"""The generated parts that every destination's page has."""
