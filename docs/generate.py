"""Writes the generated parts of the documentation: what stands between ``<!-- generated: NAME -->`` and its end mark.

``make docs`` runs it; a test fails while a page differs from what it would write.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import typer.main
from docs import condition_list, destination_page, management_api, person
from docs.markdown import code, table

from tockwork.app.cli import app
from tockwork.destinations.catalog import DESTINATIONS
from tockwork.model.reasons import REASONS
from tockwork.rules.liquid.filters import FILTERS
from tockwork.rules.liquid.tags import TAGS

DOCS: Final = Path(__file__).parent
_SECTION: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def reason_codes() -> str:
    return table(
        ("Code", "Meaning", "What to do"),
        ((code(name), reason.meaning, reason.mend) for name, reason in REASONS.items()),
    )


def responses() -> str:
    content = tomllib.loads(destination_page.TIKTOK.joinpath("responses.toml").read_text())
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


def kinds() -> str:
    rows = ((f"[{one.title}]({kind}.md)", code(kind), one.help) for kind, one in DESTINATIONS.items())
    return table(("Destination", "Kind", "What it does"), rows)


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
    parts = []
    for name, command in commands():
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


def commands(group: Any = None, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every command by its full name, such as ``suppress add``."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


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
    "command-line": command_line,
    "decisions": decisions,
    "diagnostics": condition_list.diagnostics,
    "kinds": kinds,
    "left-out": person.left_out,
    "liquid": liquid,
    "management-api": management_api.routes,
    "match-quality": condition_list.match_quality,
    "normalisation": person.normalisation,
    "reason-codes": reason_codes,
    "responses": responses,
}
"""The generated parts that mean the same wherever they stand; those of a destination's page are its own."""


def generated(page: Path, text: str) -> str:
    """`text` of `page` with each generated part written anew."""
    destination = DESTINATIONS.get(page.stem)

    def part(name: str) -> str:
        if name in SECTIONS or destination is None:
            return SECTIONS[name]()
        return destination_page.SECTIONS[name](destination)

    return _SECTION.sub(lambda found: f"{found[1]}\n{part(found[2])}\n{found[3]}", text)


def pages() -> dict[Path, str]:
    """Each page with a generated part, and what should stand in it; a destination without a page gets one."""
    texts = {DOCS / "reference" / f"{kind}.md": destination_page.skeleton(one) for kind, one in DESTINATIONS.items()}
    texts |= {page: page.read_text() for page in sorted(DOCS.rglob("*.md"))}
    return {page: generated(page, text) for page, text in texts.items() if _SECTION.search(text)}


def main() -> None:
    for page, text in pages().items():
        page.write_text(text)


if __name__ == "__main__":
    main()
