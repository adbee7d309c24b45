"""Writes the generated parts of the documentation: what stands between ``<!-- generated: NAME -->`` and its end mark.

``make docs`` runs it; a test fails while a page differs from what it would write.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import msgspec
import typer.main

from tockwork.app.cli import app
from tockwork.destinations.declare import MAX_MAPPINGS, Limits, Preset
from tockwork.destinations.tiktok.conversions import CONVERSIONS, REPORT_WEB_EVENT
from tockwork.model.reasons import REASONS
from tockwork.rules.fields import Field
from tockwork.rules.liquid.filters import FILTERS
from tockwork.rules.liquid.tags import TAGS

DOCS: Final = Path(__file__).parent
TIKTOK: Final = files("tockwork.destinations.tiktok")
_SECTION: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def code(value: Any) -> str:
    return f"`{value if isinstance(value, str) else msgspec.json.encode(value).decode()}`"


def reason_codes() -> str:
    return table(
        ("Code", "Meaning", "What to do"),
        ((code(name), reason.meaning, reason.mend) for name, reason in REASONS.items()),
    )


def responses() -> str:
    content = tomllib.loads(TIKTOK.joinpath("responses.toml").read_text())
    rules = [
        *((_numbers(rule["codes"]), rule) for rule in content["code"]),
        *((f"no code, HTTP {_numbers(rule['statuses'])}", rule) for rule in content["status"]),
        ("no JSON", content["unreadable"]),
        ("anything else", content["unknown"]),
    ]
    return table(
        ("TikTok's code", "Verdict", "Reason", "May have arrived", "Cause", "What to do"),
        (
            (_which(numbers, rule), *_meaning(rule), rule["cause"], rule["mend"] or "Nothing.")
            for numbers, rule in rules
        ),
    )


def _which(numbers: str, rule: dict[str, Any]) -> str:
    words = " or ".join(f'"{word}"' for word in rule.get("message", ()))
    return f"{numbers}, with {words} in the message" if words else numbers


def _meaning(rule: dict[str, Any]) -> tuple[str, str, str]:
    return code(rule["verdict"]), code(rule["reason"]) if rule["reason"] else "", "yes" if rule.get("ambiguous") else ""


def _numbers(numbers: Sequence[int | list[int]]) -> str:
    return ", ".join(str(n) if isinstance(n, int) else f"{n[0]} to {n[1]}" for n in numbers)


def settings() -> str:
    rows = []
    for setting in CONVERSIONS.settings:
        choices = ", ".join(map(code, setting.choices))
        needed = (
            "required" if setting.required else "" if setting.default is None else code(_default_text(setting.default))
        )
        kind = f"{setting.type}: {choices}" if choices else setting.type
        rows.append((code(setting.key), setting.label, kind, needed, setting.help))
    return table(("Key", "Label", "Type", "Default", "Meaning, and where to get it"), rows)


def _default_text(value: Any) -> Any:
    return '""' if value == "" else value


def fields() -> str:
    parts = [_field_table(REPORT_WEB_EVENT.fields, "")]
    for field in REPORT_WEB_EVENT.fields:
        if field.properties:
            parts += [f"\n**Parts of `{field.key}`**\n\n", _field_table(field.properties, f"{field.key}.")]
    return "".join(parts)


def _field_table(members: Iterable[Field], prefix: str) -> str:
    rows = (
        (code(prefix + field.key), field.label, _type(field), _default(field.default), _help(field))
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


def _default(directive: Any) -> str:
    """A default in words: ``$.a``, else ``$.b``."""
    if directive is None:
        return ""
    if isinstance(directive, dict) and "@if" in directive:
        options = directive["@if"]
        return f"{_default(options['then'])}, else {_default(options['else'])}"
    return code(directive["@path"] if isinstance(directive, dict) and "@path" in directive else directive)


def packs() -> str:
    parts = []
    for name, presets in CONVERSIONS.packs.items():
        written = msgspec.json.decode(TIKTOK.joinpath("presets", f"{name}.json").read_bytes())
        default = " The default; also called `current`." if name == CONVERSIONS.default_pack else ""
        rows = ((p.name, code(p.trigger), code(p.fields["event"]), _contents(p)) for p in presets)
        parts.append(f"### `{name}`\n\n{written['help']}{default}\n\n")
        parts.append(table(("Preset", "Trigger", "TikTok event", "Contents from"), rows) + "\n")
    return "".join(parts)


def _contents(preset: Preset) -> str:
    contents = preset.fields.get("contents")
    return code(contents["@arrayPath"][0]) if contents else ""


def limits() -> str:
    numbers: Limits = CONVERSIONS.limits
    return table(
        ("Limit", "Value"),
        (
            ("Rows in a request", f"{numbers.rows:,}"),
            ("Bytes in a request (ours; TikTok documents none)", f"{numbers.bytes:,}"),
            ("Requests a second for each access token", f"{numbers.requests_per_second:,}"),
            ("Hours in which TikTok recognises a repeat", str(numbers.dedup_window_s // 3600)),
            ("Hours of retrying, from the first attempt", str(numbers.retry_for_s // 3600)),
            ("Mappings in a destination", str(MAX_MAPPINGS)),
        ),
    )


def cases() -> str:
    """The documents of the case files, one line each."""
    rows = []
    for file in sorted(TIKTOK.joinpath("cases").iterdir(), key=lambda file: file.name):
        written = msgspec.json.decode(file.read_bytes())
        where = f"../../src/tockwork/destinations/tiktok/cases/{file.name}"
        rows.append((written.get("title", ""), written.get("doc", ""), f"[{file.name}]({where})"))
    return table(("Subject", "What happens", "Cases"), rows)


def liquid() -> str:
    tags = {True: [], False: []}  # type: dict[bool, list[str]]
    for name, parser in TAGS.items():
        tags[parser.__name__ != "_disabled"].append(name)
    filters = {True: [], False: []}  # type: dict[bool, list[str]]
    for name, function in FILTERS.items():
        filters[not function.__qualname__.startswith("_disabled")].append(name)
    rows = [
        ("Tags", _names(tags[True])),
        ("Tags that Segment refuses, and so do we", _names(tags[False])),
        ("Filters", _names(filters[True])),
        ("Filters that Segment refuses, and so do we", _names(filters[False])),
    ]
    return table(("", "Names"), rows)


def _names(names: Iterable[str]) -> str:
    return " ".join(map(code, sorted(names)))


def command_line() -> str:
    """Every command with its arguments and options, as ``--help`` has them."""
    group: Any = typer.main.get_command(app)
    parts = []
    for name, command in group.commands.items():
        rows = [
            (
                _spelling(parameter),
                "" if parameter.default is None or parameter.default is False else code(parameter.default),
                parameter.help,
            )
            for parameter in command.params
        ]
        parts.append(f"### `tockwork {name}`\n\n{command.help}\n\n{table(('Option', 'Default', 'Meaning'), rows)}\n")
    return "".join(parts)


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(parameter.name.upper())
    value = "" if parameter.is_flag else " VALUE"
    return code(f"{parameter.opts[0]}{value}") + ("; required" if parameter.required else "")


def decisions() -> str:
    lines = []
    for page in sorted((DOCS / "decisions").glob("[0-9]*.md")):
        number, _, title = page.read_text().partition("\n")[0].removeprefix("# ").partition(". ")
        lines.append(f"{number}. [{title}]({page.name})\n")
    return "".join(lines)


SECTIONS: Final[dict[str, Callable[[], str]]] = {
    "cases": cases,
    "command-line": command_line,
    "decisions": decisions,
    "fields": fields,
    "limits": limits,
    "liquid": liquid,
    "packs": packs,
    "reason-codes": reason_codes,
    "responses": responses,
    "settings": settings,
}


def generated(text: str) -> str:
    """`text` with each generated part written anew."""
    return _SECTION.sub(lambda found: f"{found[1]}\n{SECTIONS[found[2]]()}\n{found[3]}", text)


def pages() -> dict[Path, str]:
    """Each page with a generated part, and what should stand in it."""
    texts = {page: page.read_text() for page in sorted(DOCS.rglob("*.md"))}
    return {page: generated(text) for page, text in texts.items() if _SECTION.search(text)}


def main() -> None:
    for page, text in pages().items():
        page.write_text(text)


if __name__ == "__main__":
    main()
